import re
from pathlib import Path

import pytest

from media_pipeline import sample
from media_pipeline.engine.plan import make_plan
from media_pipeline.engine.probe import probe
from media_pipeline.engine.process import ceilings
from media_pipeline.engine.subtitles import transcribe
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
    assert seconds == pytest.approx(2.55, abs=0.4)


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
    assert "00:00.500 --> 00:02.000" in text


def test_asking_again_gives_the_same_tracks_without_listening(tmp_path):
    first = _transcribe(SAMPLE / "offstage.mp4", tmp_path / "subtitles")
    changed = first[0].path.stat().st_mtime_ns

    assert _transcribe(SAMPLE / "offstage.mp4", tmp_path / "subtitles") == first
    assert first[0].path.stat().st_mtime_ns == changed


def test_a_text_track_larger_than_any_real_one_is_left_out(film_path, tmp_path, monkeypatch):
    monkeypatch.setattr(ceilings, "text_bytes", 20)

    assert _transcribe(film_path("subtitled.mp4"), tmp_path / "subtitles") == []
