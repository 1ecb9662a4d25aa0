import http.server
import random
import socketserver
import threading
from contextlib import contextmanager
from fractions import Fraction

import pytest

from celery_ledger.errors import Permanent, Transient
from media_pipeline.engine.plan import Film, Limits
from media_pipeline.engine.probe import probe
from tests.unit.media_pipeline.engine.films import OPEN_GOP, SOUND, X264, ffmpeg, picture, tone
from tests.unit.media_pipeline.engine.reading import LIMITS


def _written(path, content: bytes):
    path.write_bytes(content)
    return path


def _random(path, film_path):
    return _written(path, random.Random(7).randbytes(50_000))


def _headless(path, film_path):
    """An MP4 whose index is at the end, cut before it."""
    whole = film_path("open_gop.mp4").read_bytes()
    return _written(path, whole[: len(whole) // 2])


def _garbage_behind_an_index(path, film_path):
    content = bytearray(film_path("open_gop.mp4").read_bytes())
    start, end = content.index(b"mdat") + 4, content.rindex(b"moov") - 4
    content[start:end] = random.Random(3).randbytes(end - start)
    return _written(path, content)


def _unknown_codec(path, film_path):
    return _written(
        path, film_path("open_gop.mp4").read_bytes().replace(b"avc1", b"zzz9").replace(b"avcC", b"zzzC")
    )


def _many_streams(path, film_path):
    source = film_path("one_frame.mp4")
    ffmpeg("-i", source, *("-map", "0:v") * 100, "-c", "copy", path)
    return path


def _sound_only(path, film_path):
    ffmpeg(*tone(2), "-c:a", "aac", "-f", "mp4", path)
    return path


def _cover_art(path, film_path):
    cover = path.with_suffix(".jpg")
    ffmpeg(*picture(0.1), "-frames:v", "1", cover)
    arguments = ("-map", "0:a", "-map", "1:v", "-c:v", "mjpeg", "-disposition:v:0", "attached_pic")
    ffmpeg(*tone(2), "-i", cover, *arguments, "-c:a", "aac", "-f", "mp4", path)
    return path


def _png(path, film_path):
    made = path.with_suffix(".png")
    ffmpeg(*picture(0.1), "-frames:v", "1", made)
    return _written(path, made.read_bytes())


TEXTS = {
    "text": b"Dear Sir or Madam, this is no film.\n" * 40,
    "html": b"<!doctype html><html><body><video src=x></video></body></html>",
    "svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5000 RTP/AVP 96\n",
}
NO_VIDEO = "this is not a video"
HOSTILE = [
    (_random, NO_VIDEO),
    (_headless, "the upload is incomplete: the video's index is missing"),
    (_garbage_behind_an_index, "the video is broken: no picture of it can be decoded"),
    (_unknown_codec, "the video uses an unsupported codec"),
    (_many_streams, "the file has too many streams"),
    (_sound_only, "there is no picture in this file"),
    (_cover_art, "there is no picture in this file"),
    (_png, NO_VIDEO),
    *((lambda path, film_path, name=name: _written(path, TEXTS[name]), NO_VIDEO) for name in TEXTS),
]


@pytest.mark.parametrize(("build", "reason"), HOSTILE)
def test_what_is_no_film_is_refused_with_a_reason_people_understand(film_path, tmp_path, build, reason):
    with pytest.raises(Permanent, match=f"^{reason}$"):
        probe(build(tmp_path / "source.mp4", film_path), LIMITS)


@pytest.mark.parametrize("suffix", ["", ".mp4", ".m3u8", ".ffconcat", ".mpd"])
@pytest.mark.parametrize("kind", ["hls", "ffconcat", "dash"])
def test_a_playlist_makes_us_open_no_other_file_and_no_address(film_path, tmp_path, suffix, kind):
    with _canary() as (port, asked):
        film = film_path("open_gop.ts")
        (tmp_path / "other.ts").write_bytes(film.read_bytes())
        contents = {
            "hls": f"#EXTM3U\n#EXTINF:4,\nother.ts\n#EXTINF:4,\nhttp://127.0.0.1:{port}/x.ts\n#EXT-X-ENDLIST\n",
            "ffconcat": f"ffconcat version 1.0\nfile other.ts\nfile http://127.0.0.1:{port}/x.ts\n",
            "dash": f'<MPD type="static"><BaseURL>http://127.0.0.1:{port}/</BaseURL></MPD>',
        }
        source = _written(tmp_path / f"source{suffix}", contents[kind].encode())

        with pytest.raises(Permanent, match=NO_VIDEO):
            probe(source, LIMITS)

    assert asked == []


@contextmanager
def _canary():
    """Listen on a port that nobody may ask."""
    asked: list[str] = []

    class Canary(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            """Say nothing."""

    with socketserver.TCPServer(("127.0.0.1", 0), Canary) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1], asked
        finally:
            server.shutdown()
            thread.join()


def test_an_empty_file_is_refused(tmp_path):
    with pytest.raises(Permanent, match="the file is empty"):
        probe(_written(tmp_path / "source", b""), LIMITS)


def test_a_file_that_is_gone_may_come_back(tmp_path):
    with pytest.raises(Transient):
        probe(tmp_path / "source", LIMITS)


def test_too_many_bytes_are_refused_before_reading(film_path):
    with pytest.raises(Permanent, match="the file is too large"):
        probe(film_path("open_gop.mp4"), Limits(max_bytes=1000))


def test_a_film_longer_than_the_limit_is_refused_whatever_its_header_says(film_path):
    with pytest.raises(Permanent, match="the video is too long"):
        probe(film_path("open_gop.mp4"), Limits(max_seconds=5))
    with pytest.raises(Permanent, match="the video is too long"):
        probe(film_path("long_sound.mp4"), Limits(max_seconds=5))


def test_a_picture_larger_than_the_limit_is_refused(film_path, tmp_path):
    with pytest.raises(Permanent, match="the picture is too large"):
        probe(film_path("open_gop.mp4"), Limits(max_pixels=320 * 180 - 1))
    huge = tmp_path / "huge.mp4"
    ffmpeg(*picture(0.04, size="8192x4400"), *X264, huge)
    with pytest.raises(Permanent, match="the picture is too large"):
        probe(huge, LIMITS)


def test_a_hundred_thousand_frames_are_no_trouble(tmp_path):
    source = tmp_path / "many.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=s=16x16:r=1000:d=30", *X264, source)

    film = probe(source, LIMITS)

    assert (film.frames, film.rate) == (30_000, 1000)


FOUND = {
    "open_gop.mp4": {"has_audio": True, "rate": 30, "is_variable": False, "truncated": False, "frames": 180},
    "open_gop.ts": {"video_start_seconds": Fraction(22, 15), "rate": 30},
    "ntsc_film.mp4": {"rate": Fraction(24000, 1001), "has_audio": False},
    "variable.mp4": {"is_variable": True, "rate": 30},
    "edited.mp4": {"frames": 141, "start_seconds": 0, "in_one_piece": False},
    "late_picture.mp4": {"start_seconds": 0, "video_start_seconds": Fraction(3, 2)},
    "interlaced.ts": {"interlaced": True, "rate": 25},
    "hdr.mp4": {"transfer": "pq", "bits": 10, "colour_space": "bt2020"},
    "odd_size.mp4": {"display_size": (641, 359)},
    "anamorphic.mp4": {"display_size": (1024, 576), "sample_aspect": Fraction(64, 45)},
    "turned_90.mp4": {"rotation": 90, "display_size": (180, 320)},
    "turned_180.mp4": {"rotation": 180, "display_size": (320, 180)},
    "turned_270.mp4": {"rotation": 270},
    "one_frame.mp4": {"frames": 1},
    "moving.gif": {"rate": 10, "frames": 20, "colour_space": "rgb"},
    "cut_short.mp4": {"truncated": True},
    "cut_short.mkv": {"truncated": True},
    "damaged.mp4": {"truncated": False, "rate": 30},
}


@pytest.mark.parametrize("name", FOUND)
def test_a_film_is_what_its_packets_and_its_decoder_say(film_path, name):
    film = probe(film_path(name), LIMITS)

    assert {field: getattr(film, field) for field in FOUND[name]} == FOUND[name]
    assert Film.from_json(film.as_json()) == film


def test_the_language_of_sound_and_text_is_kept(film_path):
    film = probe(film_path("subtitled.mp4"), LIMITS)

    assert [(text.codec, text.language) for text in film.texts] == [("mov_text", "deu")]


def test_sound_that_cannot_be_decoded_leaves_a_silent_film(tmp_path):
    source = tmp_path / "source.mp4"
    ffmpeg(*picture(2), *tone(2), *OPEN_GOP, "-c:a", "ac3", source)
    source.write_bytes(source.read_bytes().replace(b"ac-3", b"zzz9").replace(b"dac3", b"zzz3"))

    film = probe(source, LIMITS)

    assert film.sound is None
    assert film.warnings == ("Audio track 1 cannot be decoded and was left out.",)


def _with_tracks(path, *flags: str, titles: tuple[str, ...] = ()):
    """Make a Matroska file with an audio track for each of `flags`."""
    sounds = [part for _ in flags for part in tone(1)]
    maps = [part for number in range(len(flags) + 1) for part in ("-map", number)]
    said = [part for number, flag in enumerate(flags) for part in (f"-disposition:a:{number}", flag)]
    said += [
        part for number, text in enumerate(titles) for part in (f"-metadata:s:a:{number}", f"title={text}")
    ]
    ffmpeg(*picture(1), *sounds, *maps, *OPEN_GOP, *SOUND, *said, "-default_mode", "passthrough", path)
    return path


@pytest.mark.parametrize(
    ("flags", "titles", "streams"),
    [
        (("0", "default", "0"), (), [2, 1, 3]),
        (("0", "0"), (), [1, 2]),
        (("default", "default"), (), [1, 2]),
        # A Matroska track is flagged unless it says otherwise, a commentary too.
        (("default+comment", "default"), (), [2, 1]),
        (("default", "default"), ("Director's commentary", ""), [2, 1]),
        # As broadcasts have it: the description first, and no flag for a default.
        (("visual_impaired", "0"), (), [2, 1]),
        (("comment", "visual_impaired"), (), [1, 2]),
        (("0", "default+comment"), (), [2, 1]),
    ],
)
def test_the_default_sound_is_the_one_that_a_player_would_choose(tmp_path, flags, titles, streams):
    film = probe(_with_tracks(tmp_path / "source.mkv", *flags, titles=titles), LIMITS)

    assert [sound.stream for sound in film.sounds] == streams
    assert film.warnings == ()
    assert Film.from_json(film.as_json()) == film


def test_a_track_keeps_its_title_and_its_kind(tmp_path):
    flags = ("default", "comment", "visual_impaired", "hearing_impaired", "dub")
    film = probe(_with_tracks(tmp_path / "source.mkv", *flags, titles=("x" * 900, "Director")), LIMITS)
    copied = tmp_path / "source.mp4"
    ffmpeg(
        "-i", tmp_path / "source.mkv", "-map", "0", "-c", "copy", "-metadata:s:a:1", "title=Director", copied
    )

    kinds = ["main", "commentary", "description", "enhanced-audio-intelligibility", "dub"]
    assert [sound.kind for sound in film.sounds] == kinds
    assert [sound.title for sound in film.sounds] == ["x" * 200, "Director", "", "", ""]
    assert probe(copied, LIMITS).sounds[1].title == "Director"


def test_a_track_that_cannot_be_decoded_is_left_out_and_the_next_is_the_default(tmp_path):
    source = tmp_path / "source.mp4"
    tracks = ("-map", "0", "-map", "1", "-map", "2", "-c:a:0", "ac3", "-c:a:1", "aac")
    ffmpeg(*picture(1), *tone(1), *tone(1), *tracks, *OPEN_GOP, source)
    source.write_bytes(source.read_bytes().replace(b"ac-3", b"zzz9").replace(b"dac3", b"zzz3"))

    film = probe(source, LIMITS)

    assert [sound.codec for sound in film.sounds] == ["aac"]
    assert film.warnings == ("Audio track 1 cannot be decoded and was left out.",)


def test_more_tracks_than_a_video_may_have_are_left_out(tmp_path):
    source = _with_tracks(tmp_path / "source.mkv", "0", "0", "default", "0")

    film = probe(source, Limits(max_audio_tracks=2))

    assert [sound.stream for sound in film.sounds] == [3, 1]
    assert film.warnings == ("Only 2 of the 4 audio tracks were kept.",)


def test_a_sound_that_begins_far_behind_the_first_pictures_is_found(tmp_path):
    """Its rate is not known yet where the streams are looked for: the first 20 MB of the file."""
    source = tmp_path / "source.ts"
    noise = ("-f", "lavfi", "-i", "testsrc2=s=1280x720:r=30:d=8,noise=alls=60:allf=t")
    bulky = ("-c:v", "libx264", "-preset", "ultrafast", "-b:v", "30M")
    ffmpeg(*noise, "-itsoffset", 7, *tone(1), "-map", 0, "-map", 1, *bulky, *SOUND, source)

    film = probe(source, LIMITS)

    assert float(film.sounds[0].start_seconds) == pytest.approx(8.4, abs=0.05)
    assert (film.start_seconds, film.warnings) == (film.video_start_seconds, ())


@pytest.mark.parametrize(("later", "start"), [((0.5, 0.2), 0.2), ((0.2, 0.5), 0.5)])
def test_the_default_sound_and_the_picture_decide_where_the_film_begins(tmp_path, later, start):
    source = tmp_path / "source.mkv"
    inputs = [part for seconds in later for part in ("-itsoffset", seconds, *tone(2))]
    flags = ("-disposition:a:0", "0", "-disposition:a:1", "default", "-default_mode", "passthrough")
    ffmpeg(
        *("-itsoffset", 1.5, *picture(2), *inputs, "-map", 0, "-map", 1, "-map", 2, *OPEN_GOP),
        *("-c:a", "pcm_s16le", *flags, "-avoid_negative_ts", "disabled", source),
    )

    film = probe(source, LIMITS)

    assert float(film.start_seconds) == pytest.approx(start, abs=0.03)


def test_probing_leaves_nothing_beside_the_source(film_path):
    source = film_path("open_gop.mp4")

    probe(source, LIMITS)

    assert not list(source.parent.glob(".*"))
