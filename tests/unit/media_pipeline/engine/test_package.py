import array
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import av
import numpy as np
import pytest

from media_pipeline.engine.ffmpeg import ffmpeg_path
from media_pipeline.engine.fragments import read_parts
from media_pipeline.engine.package import package
from media_pipeline.engine.subtitles import Track
from tests.unit.media_pipeline.engine.films import OPEN_GOP, SOUND, ffmpeg
from tests.unit.media_pipeline.engine.reading import ffprobe, make, nothing, packets

VTT = """WEBVTT

00:00:00.500 --> 00:00:02.000
Hello &amp; <i>welcome</i>

00:00:03.000 --> 00:00:05.500
over the seam
"""


OTHER_TEXTS = ("en.forced.vtt", "en.captions.vtt", "hsb.vtt", "pt-BR.vtt", "und.vtt")


@pytest.fixture(scope="module")
def made(film_path, tmp_path_factory):
    """A video of 6 s in two chunks, two rungs, with sound and subtitles, all the way."""
    work = tmp_path_factory.mktemp("made")
    source = work / "source.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=854x480:r=30000/1001:d=10", "-f", "lavfi", "-i", "sine=440:d=10"),
        *(*OPEN_GOP, *SOUND, "-metadata:s:a:0", "language=eng", source),
    )
    text = work / "en.vtt"
    text.write_text(VTT)
    others = [work / name for name in OTHER_TEXTS]
    for other in others:
        other.write_text(VTT)
    return make(source, work, subtitles=(Track("en", text), *map(Track.of, others)))


def _playlist(path: Path) -> tuple[list[float], list[str]]:
    lines = path.read_text().splitlines()
    seconds = [
        float(line.removeprefix("#EXTINF:").rstrip(",")) for line in lines if line.startswith("#EXTINF")
    ]
    return seconds, [line for line in lines if line and not line.startswith("#")]


def test_the_master_names_every_rung_with_sound_and_subtitles_apart(made):
    master = (made.package / made.packaged.hls).read_text()

    assert made.packaged.mp4 == {480: "480.mp4", 360: "360.mp4"}
    for line in ("480.m3u8", "360.m3u8", 'URI="480_iframes.m3u8"', "RESOLUTION=854x480", "FRAME-RATE=29.970"):
        assert line in master
    assert 'TYPE=AUDIO,URI="audio.m3u8",GROUP-ID="audio",LANGUAGE="en",NAME="English",DEFAULT=YES' in master
    assert 'TYPE=SUBTITLES,URI="text_en.m3u8",GROUP-ID="subtitles",LANGUAGE="en"' in master
    assert 'CODECS="avc1.64' in master


def test_each_kind_of_text_is_a_rendition_of_its_own(made):
    master = (made.package / made.packaged.hls).read_text()
    manifest = (made.package / made.packaged.dash).read_text()

    texts = [line for line in master.splitlines() if "TYPE=SUBTITLES" in line]
    assert [re.findall('NAME="(.*?)"', line)[0] for line in texts] == [
        *("English", "English (forced)", "English (CC)", "Hornjoserbšćina", "Português (Brasil)", "Original"),
    ]
    assert ["FORCED=YES" in line for line in texts] == [False, True, False, False, False, False]
    assert "public.accessibility.describes-music-and-sound" in texts[2]
    assert 'LANGUAGE="pt-BR"' in texts[4]
    assert "LANGUAGE" not in texts[5]
    for role in ("subtitle", "caption", "forced-subtitle"):
        assert f'value="{role}"' in manifest


def test_segments_are_as_long_as_the_plan_says(made):
    for rung in made.plan.rungs:
        seconds, names = _playlist(made.package / f"{rung.name}.m3u8")
        headers = [read_parts(made.package / name).starts for name in names]

        assert seconds == pytest.approx([4.004, 4.004, 2.002], abs=0.002)
        assert headers == [(0,), (headers[1][0],), (2 * headers[1][0],)]
        assert sum(seconds) == pytest.approx(made.plan.duration_seconds, abs=0.01)


def test_bandwidths_are_not_below_the_real_ones(made):
    lines = (made.package / made.packaged.hls).read_text().splitlines()
    stated = [line for line in lines if line.startswith("#EXT-X-STREAM-INF")]
    audio = _highest_rate(made.package / "audio.m3u8")

    for line, rung in zip(stated, made.plan.rungs, strict=True):
        bandwidth = int(line.partition("BANDWIDTH=")[2].partition(",")[0])
        assert bandwidth >= 0.97 * (_highest_rate(made.package / f"{rung.name}.m3u8") + audio)


def _highest_rate(playlist: Path) -> float:
    seconds, names = _playlist(playlist)
    sizes = [(playlist.parent / name).stat().st_size for name in names]
    return max(8 * size / length for size, length in zip(sizes, seconds, strict=True) if length > 1)


def test_an_independent_reader_finds_every_frame_in_order(made):
    for path in [made.package / f"{rung.name}.m3u8" for rung in made.plan.rungs]:
        read = packets(path)
        times = sorted(round(float(packet["pts_time"]) * 30000 / 1001) for packet in read)

        assert times == list(range(made.plan.frames))
        assert [float(packet["dts_time"]) for packet in read] == sorted(float(p["dts_time"]) for p in read)


def test_every_rung_decodes_from_the_playlist_and_from_the_mp4(made):
    for rung in made.plan.rungs:
        for name in (f"{rung.name}.m3u8", f"{rung.name}.mp4"):
            with av.open(str(made.package / name)) as container:
                frames = [(frame.width, frame.height) for frame in container.decode(video=0)]
            assert frames == [(rung.width, rung.height)] * made.plan.frames


def test_picture_and_sound_of_every_output_begin_together(made):
    for name in ("480.mp4", "360.mp4", "master.m3u8"):
        streams = ffprobe(made.package / name, "-show_streams")["streams"]
        starts = {stream["codec_type"]: float(stream.get("start_time", 0)) for stream in streams}

        assert starts["video"] == 0
        # -0.021 is the AAC encoder's priming, which players drop.
        assert starts["audio"] in {0, -0.021333}


def test_the_dash_manifest_uses_the_same_segments(made):
    manifest = (made.package / made.packaged.dash).read_text()

    for rung in made.plan.rungs:
        assert f'media="{rung.name}_$Number%05d$.m4s"' in manifest
    assert manifest.count('contentType="video"') == manifest.count('contentType="audio"') == 1
    assert 'contentType="text"' in manifest
    assert 'type="static"' in manifest


def test_the_subtitles_say_what_they_said(made):
    _, names = _playlist(made.package / "text_en.m3u8")
    text = "".join((made.package / name).read_text() for name in names)

    assert "welcome" in text
    assert "00:00:03.000 --> 00:00:05.500" in text


def test_key_frame_playlists_point_at_key_frames(made):
    lines = (made.package / "360_iframes.m3u8").read_text().splitlines()

    assert sum(line.startswith("#EXT-X-BYTERANGE") for line in lines) == 3


def test_packaging_again_gives_the_same_bytes(made, tmp_path):
    chunks = [made.work / f"chunk_{chunk.number}" for chunk in made.plan.chunks]
    text = [Track.of(made.work / name) for name in ("en.vtt", *OTHER_TEXTS)]

    again = package(made.plan, chunks, made.work / "audio", text, tmp_path / "again", nothing)
    third = package(made.plan, chunks, made.work / "audio", text, tmp_path / "again", nothing)

    assert again == third == made.packaged
    for path in made.package.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def test_an_odd_folder_name_is_no_trouble(film_path, tmp_path):
    folder = tmp_path / "a,b=c 'd' %d ü"
    folder.mkdir()

    made = make(film_path("short.mp4"), folder)

    assert len(packets(made.package / "180.mp4")) == 6


@pytest.mark.parametrize("name", ["one_frame.mp4", "short.mp4", "moving.gif", "portrait.mp4", "odd_size.mp4"])
def test_a_silent_film_has_picture_alone(film_path, tmp_path, name):
    made = make(film_path(name), tmp_path)

    assert "TYPE=AUDIO" not in (made.package / made.packaged.hls).read_text()
    for height, mp4 in made.packaged.mp4.items():
        (stream,) = ffprobe(made.package / mp4, "-show_streams")["streams"]
        assert stream["height"] == height
        assert int(stream["nb_frames"]) == made.plan.frames


# What the tracks of the source say of themselves: title, language, flags; the second one is the default.
HOSTILE = 'A "quoted" & <b>odd</b>, title = $Number$\nURI="x"'
TRACKS = [
    ("Director's Commentary", "eng", "comment"),
    ("", "deu", "default"),
    ("", "eng", "dub"),
    ("", "eng", "visual_impaired"),
    (HOSTILE, "", "0"),
]
PITCHES = [300, 500, 700, 900, 1100]


@pytest.fixture(scope="module")
def dubbed(tmp_path_factory):
    """A video with five audio tracks, each a tone of its own, all the way."""
    work = tmp_path_factory.mktemp("dubbed")
    source = work / "source.mkv"
    tones = [part for hertz in PITCHES for part in ("-f", "lavfi", "-i", f"sine={hertz}:d=6:r=48000")]
    maps = [part for number in range(len(TRACKS) + 1) for part in ("-map", number)]
    flags = []
    for number, (title, language, disposition) in enumerate(TRACKS):
        flags += [
            f"-metadata:s:a:{number}",
            f"title={title}",
            f"-metadata:s:a:{number}",
            f"language={language}",
        ]
        flags += [f"-disposition:a:{number}", disposition]
    ffmpeg(
        *(
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=320x180:r=30:d=6",
            *tones,
            *maps,
            *OPEN_GOP,
            *SOUND,
            *flags,
            source,
        )
    )
    return make(source, work)


def test_every_audio_track_is_a_rendition_and_the_flagged_one_is_the_default(dubbed):
    lines = (dubbed.package / dubbed.packaged.hls).read_text().splitlines()

    found = [dict(re.findall(r'([A-Z-]+)=("[^"]*"|[^,]*)', line)) for line in lines if "TYPE=AUDIO" in line]
    expected = [
        ("audio", '"de"', "Deutsch", "YES", "YES"),
        ("audio_2", '"en"', "English (Director's Commentary)", "NO", "NO"),
        ("audio_3", '"en"', "English (dubbed)", "NO", None),
        ("audio_4", '"en"', "English (audio description)", "NO", "YES"),
        ("audio_5", None, "A 'quoted' & <b>odd</b>; title = $Number$ URI='x'", "NO", "YES"),
    ]
    assert [
        (line["URI"], line.get("LANGUAGE"), line["NAME"], line["DEFAULT"], line.get("AUTOSELECT"))
        for line in found
    ] == [(f'"{name}.m3u8"', tag, f'"{title}"', *chosen) for name, tag, title, *chosen in expected]
    assert [line.get("CHARACTERISTICS") for line in found] == [
        *(None, None, None, '"public.accessibility.describes-video"', None)
    ]


def test_the_manifest_has_a_set_for_each_audio_track_with_role_and_label(dubbed):
    manifest = ElementTree.parse(dubbed.package / dubbed.packaged.dash)  # noqa: S314 - we wrote it
    names = {"": "urn:mpeg:dash:schema:mpd:2011"}
    sets = [
        found for found in manifest.iterfind(".//AdaptationSet", names) if found.get("contentType") == "audio"
    ]

    assert [
        (
            found.get("lang"),
            found.findtext("Label", "", names),
            _values(found, "Role"),
            _values(found, "Accessibility"),
        )
        for found in sets
    ] == [
        ("de", "Deutsch", ["main"], []),
        ("en", "English (Director's Commentary)", ["commentary"], []),
        ("en", "English (dubbed)", ["dub"], []),
        ("en", "English (audio description)", ["description"], ["1"]),
        (None, "A 'quoted' & <b>odd</b>; title = $Number$ URI='x'", ["alternate"], []),
    ]


def _values(found: ElementTree.Element, name: str) -> list[str | None]:
    return [each.get("value") for each in found.iterfind(name, {"": "urn:mpeg:dash:schema:mpd:2011"})]


def test_each_rendition_plays_its_own_sound_and_the_files_the_default(dubbed):
    wanted = [500, 300, 700, 900, 1100]

    assert [_pitch(dubbed.package / f"{track.name}.m3u8") for track in dubbed.plan.audio] == wanted
    for reader in (dubbed.packaged.hls, dubbed.packaged.dash):
        assert [_pitch(dubbed.package / reader, number) for number in range(5)] == wanted
    assert [_pitch(dubbed.package / name) for name in dubbed.packaged.mp4.values()] == [500]
    assert not list(dubbed.package.glob(".*"))


def test_each_rendition_is_as_long_as_the_picture(dubbed):
    for track in dubbed.plan.audio:
        seconds, names = _playlist(dubbed.package / f"{track.name}.m3u8")

        assert sum(seconds) == pytest.approx(6, abs=0.03)
        assert len(names) == 2


def _pitch(path: Path, number: int = 0) -> int:
    """Return the pitch of the second second of an audio stream, in Hz."""
    command = [ffmpeg_path(), "-v", "fatal", "-i", str(path), "-map", f"0:a:{number}", "-ss", "1", "-t", "1"]
    command += ["-ac", "1", "-ar", "8000", "-f", "f32le", "-"]
    samples = np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, np.float32)
    return round(float(np.abs(np.fft.rfft(samples)).argmax() * 8000 / len(samples)))


FLASH_AND_BEEP = (
    "color=black:s=320x180:r=30:d=9,drawbox=0:0:320:180:white:fill:enable='lt(mod(t+1,2),0.1)'",
    "aevalsrc='if(lt(mod(t+1,2),0.1),sin(2*PI*1000*t),0)':s=48000:d=9",
)
# How much later the second track is: each has its own place on the clock.
OTHER_LATER = 0.4
ODDITIES = {
    "plain.mp4": (0, 0),
    "plain.ts": (0, 0),
    "late_sound.mp4": (0, 0.8),
    "late_picture.mkv": (1.5, 0),
    "late_both.ts": (0.7, 0.3),
}


@pytest.mark.parametrize("name", ODDITIES)
def test_sound_and_picture_stay_together(tmp_path, name):
    """Each flash has its beep: at the start, over the seams of chunks, at the end, in MP4 and in HLS, in each track."""
    picture_later, sound_later = ODDITIES[name]
    source = tmp_path / name
    picture, sound = FLASH_AND_BEEP
    ffmpeg(
        *("-itsoffset", picture_later, "-f", "lavfi", "-i", picture, "-itsoffset", sound_later),
        *("-f", "lavfi", "-i", sound, "-itsoffset", OTHER_LATER, "-f", "lavfi", "-i", sound),
        *("-map", "0:v", "-map", "1:a", "-map", "2:a", *OPEN_GOP, *SOUND, source),
    )

    made = make(source, tmp_path)

    master = made.package / made.packaged.hls
    for output, number in ((made.package / "180.mp4", 0), (master, 0), (master, 1)):
        flashes, beeps = _flashes(output), _beeps(output, number)
        assert len(flashes) == len(beeps) == 4
        apart = [beep - flash for flash, beep in zip(flashes, beeps, strict=True)]
        later = OTHER_LATER if number else sound_later
        assert apart == pytest.approx([later - picture_later] * 4, abs=1.1 / 30)


def _flashes(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        bright = [
            (float(frame.time), float(frame.to_ndarray(format="gray").mean()) > 128)
            for frame in container.decode(video=0)
        ]
    return _rising(bright, quiet_seconds=1)


def _beeps(path: Path, number: int = 0) -> list[float]:
    command = [
        ffmpeg_path(),
        "-v",
        "fatal",
        "-copyts",
        "-i",
        str(path),
        "-map",
        f"0:a:{number}",
        "-af",
        "aresample=async=1:first_pts=0",
    ]
    command += ["-ac", "1", "-ar", "8000", "-f", "s16le", "-"]
    samples = array.array("h", subprocess.run(command, check=True, capture_output=True).stdout)
    loud = [
        (start / 8000, max(map(abs, samples[start : start + 40])) > 8000)
        for start in range(0, len(samples), 40)
    ]
    return _rising(loud, quiet_seconds=1)


def _rising(states: list[tuple[float, bool]], quiet_seconds: float) -> list[float]:
    """Return when the state becomes true after a while of false."""
    found: list[float] = []
    for time, is_on in states:
        if is_on and (not found or time - found[-1] > quiet_seconds):
            found.append(time)
    return found
