import re
from pathlib import Path

import pytest

from celery_ledger.errors import Permanent
from media_pipeline import sample
from media_pipeline.engine import subtitles
from media_pipeline.engine.plan import make_plan
from media_pipeline.engine.probe import probe
from media_pipeline.engine.process import ceilings
from media_pipeline.engine.subtitles import LEFT_OUT, left_out, transcribe
from tests.unit.media_pipeline.engine.films import OPEN_GOP, SOUND, ffmpeg, picture
from tests.unit.media_pipeline.engine.reading import LIMITS, nothing

SAMPLE = Path(sample.__file__).parent


def _transcribe(source, into):
    film = probe(source, LIMITS)
    return transcribe(source, film, make_plan(film), into, nothing)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def _spoken(vtt: str) -> str:
    return " ".join(line for line in vtt.splitlines()[1:] if "-->" not in line)


def test_the_sample_is_heard_word_for_word(tmp_path):
    (track,) = _transcribe(SAMPLE / "offstage.mp4", tmp_path / "subtitles")

    assert track.language == "en"
    assert _words(_spoken(track.path.read_text())) == _words((SAMPLE / "words.txt").read_text())


def test_the_sample_is_small_and_as_the_readme_says():
    film = probe(SAMPLE / "offstage.mp4", LIMITS)

    assert (SAMPLE / "offstage.mp4").stat().st_size < 2_000_000
    assert film.display_size == (1280, 720)
    assert 20 < film.duration_seconds < 30


def test_cues_are_in_time_with_the_sound(tmp_path):
    """The same words two seconds later, behind an MPEG-TS start of 1.4 s, come two seconds later."""
    late = tmp_path / "late.ts"
    ffmpeg(
        *(
            "-i",
            SAMPLE / "offstage.mp4",
            "-itsoffset",
            "2",
            "-i",
            SAMPLE / "offstage.mp4",
            "-map",
            "0:v",
            "-map",
            "1:a",
        ),
        *("-t", "9", "-c:a", "aac", "-vf", "scale=320:180", *OPEN_GOP, late),
    )

    (track,) = _transcribe(late, tmp_path / "subtitles")

    seconds = float(re.findall(r"00:00:(\d\d\.\d{3}) -->", track.path.read_text())[0])
    assert seconds == pytest.approx(2.91, abs=0.15)


@pytest.mark.parametrize("sound", ["anullsrc=r=48000", "sine=440", "anoisesrc=c=pink:a=0.3"])
def test_where_nobody_speaks_there_are_no_subtitles(tmp_path, sound):
    source = tmp_path / "source.mp4"
    ffmpeg(*picture(3), "-f", "lavfi", "-t", "3", "-i", sound, *OPEN_GOP, *SOUND, source)

    assert _transcribe(source, tmp_path / "subtitles") == []
    assert (tmp_path / "subtitles").is_dir()


def test_a_silent_film_has_no_subtitles(film_path, tmp_path):
    assert _transcribe(film_path("short.mp4"), tmp_path / "subtitles") == []


def test_speech_in_another_language_is_left_alone(tmp_path):
    source = tmp_path / "source.mp4"
    ffmpeg("-t", "5", "-i", SAMPLE / "offstage.mp4", "-c", "copy", "-metadata:s:a:0", "language=fra", source)

    assert _transcribe(source, tmp_path / "subtitles") == []


def test_the_films_own_text_comes_first(film_path, tmp_path):
    (track,) = _transcribe(film_path("subtitled.mp4"), tmp_path / "subtitles")

    assert (track.language, track.path.name) == ("de", "de.vtt")
    text = track.path.read_text()
    assert "Guten Tag" in text
    assert "00:00:00.500 --> 00:00:02.000" in text


def test_asking_again_gives_the_same_tracks_without_listening(tmp_path):
    first = _transcribe(SAMPLE / "offstage.mp4", tmp_path / "subtitles")
    changed = first[0].path.stat().st_mtime_ns

    assert _transcribe(SAMPLE / "offstage.mp4", tmp_path / "subtitles") == first
    assert first[0].path.stat().st_mtime_ns == changed


def test_a_text_track_larger_than_any_real_one_is_left_out(film_path, tmp_path, monkeypatch):
    monkeypatch.setattr(ceilings, "text_bytes", 20)

    assert _transcribe(film_path("subtitled.mp4"), tmp_path / "subtitles") == []
    assert _transcribe(film_path("subtitled.mp4"), tmp_path / "subtitles") == []
    (reason,) = left_out(tmp_path / "subtitles")
    assert re.match(r"The text track “[^”]+” was left out: .", reason)
    assert [path.name for path in (tmp_path / "subtitles").iterdir()] == [LEFT_OUT]


def test_speech_that_cannot_be_written_down_leaves_the_forced_text(tmp_path, monkeypatch):
    source = tmp_path / "source.mkv"
    cue = _srt(tmp_path / "a.srt", "00:00:00,500 --> 00:00:01,500\nExit")
    sound = ("-f", "lavfi", "-i", "sine=d=2")
    maps = ("-map", "0", "-map", "1", "-map", "2", "-disposition:s:0", "forced", "-c:s", "srt")
    ffmpeg(*picture(2), *sound, "-i", cue, *maps, *OPEN_GOP, *SOUND, source)

    def refuse(*_):
        raise Permanent("the sound is broken")

    monkeypatch.setattr(subtitles, "hear", refuse)

    (track,) = _transcribe(source, tmp_path / "subtitles")

    assert track.kind == "forced"
    assert left_out(tmp_path / "subtitles") == ["What is said was not written down: the sound is broken"]
    assert not (tmp_path / "subtitles" / "sound.wav").exists()


def _srt(path: Path, *cues: str) -> Path:
    path.write_text("".join(f"{number}\n{cue}\n\n" for number, cue in enumerate(cues, 1)))
    return path


def test_written_text_in_matroska_is_kept_by_language_and_kind(tmp_path):
    """SRT as most videos have it; two languages outside of any short table, and three texts of one language."""
    cue = _srt(tmp_path / "a.srt", "00:00:00,500 --> 00:00:01,500\n<i>a</i> < b & {laughs}")
    source = tmp_path / "source.mkv"
    languages = ["hsb", "tlh", "eng", "eng", "eng", ""]
    maps = [part for number in range(6) for part in ("-map", str(number + 1))]
    tags = [part for n, tag in enumerate(languages) for part in (f"-metadata:s:s:{n}", f"language={tag}")]
    kinds = ("-disposition:s:3", "forced", "-disposition:s:4", "hearing_impaired")
    ffmpeg(*picture(2), *("-i", cue) * 6, "-map", "0", *maps, *OPEN_GOP, "-c:s", "srt", *tags, *kinds, source)

    tracks = _transcribe(source, tmp_path / "subtitles")

    assert [(track.language, track.kind) for track in tracks] == [
        *(("en", "captions"), ("en", "subtitles"), ("hsb", "subtitles"), ("tlh", "subtitles")),
        *(("und", "subtitles"), ("en", "forced")),
    ]
    assert "00:00:00.500 --> 00:00:01.500\na &lt; b &amp; {laughs}\n" in tracks[1].path.read_text()


ASS = r"""[Script Info]
ScriptType: v4.00+
[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,20
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,{\p1}m 0 0 l 100 0{\p0}
Dialogue: 0,0:00:00.50,0:01:00.00,Default,,0,0,0,,{\an8}Sign <b>
Dialogue: 0,0:00:30.00,0:01:00.00,Default,,0,0,0,,After the end
"""


def test_drawings_and_what_lies_beyond_the_end_are_not_shown(tmp_path):
    (tmp_path / "a.ass").write_text(ASS)
    source = tmp_path / "source.mkv"
    ffmpeg(
        *picture(2),
        "-i",
        tmp_path / "a.ass",
        "-map",
        "0",
        "-map",
        "1",
        *OPEN_GOP,
        "-t",
        "2",
        "-c:s",
        "copy",
        source,
    )

    (track,) = _transcribe(source, tmp_path / "subtitles")

    assert track.path.read_text() == "WEBVTT\n\n00:00:00.500 --> 00:00:02.000\nSign &lt;b&gt;\n"


def test_a_text_track_of_blank_cues_is_left_out(tmp_path):
    blank = _srt(tmp_path / "a.srt", "00:00:00,500 --> 00:00:01,500\n\u200b")
    source = tmp_path / "source.mp4"
    ffmpeg(*picture(2), "-i", blank, "-map", "0", "-map", "1", *OPEN_GOP, "-c:s", "mov_text", source)

    assert _transcribe(source, tmp_path / "subtitles") == []


def test_forced_text_alone_does_not_take_the_place_of_speech(tmp_path):
    cue = _srt(tmp_path / "a.srt", "00:00:00,500 --> 00:00:01,500\nA sign")
    source = tmp_path / "source.mkv"
    ffmpeg(
        *("-t", "6", "-i", SAMPLE / "offstage.mp4", "-i", cue, "-map", "0:v", "-map", "0:a", "-map", "1"),
        *(
            "-c",
            "copy",
            "-c:s",
            "srt",
            "-metadata:s:s:0",
            "language=eng",
            "-disposition:s:0",
            "forced",
            source,
        ),
    )

    tracks = _transcribe(source, tmp_path / "subtitles")

    assert [(track.language, track.kind) for track in tracks] == [("en", "subtitles"), ("en", "forced")]
    assert _spoken(tracks[1].path.read_text()).split() == ["A", "sign"]
