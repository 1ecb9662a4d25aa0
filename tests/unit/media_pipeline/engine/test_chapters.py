"""Chapters of a source, as a WebVTT chapters track of its video."""

from fractions import Fraction
from pathlib import Path

import pytest

from media_pipeline.engine.chapters import chapter_cues, write_chapters
from media_pipeline.engine.film import Chapter, Film
from media_pipeline.engine.plan import make_plan
from media_pipeline.engine.probe import probe
from tests.unit.media_pipeline.builders import a_film
from tests.unit.media_pipeline.engine.films import OPEN_GOP, ffmpeg, picture
from tests.unit.media_pipeline.engine.reading import LIMITS


def cues_of(*chapters: tuple[float, str], seconds: int = 10, starts_at: float = 0) -> list[tuple]:
    start = Fraction(starts_at)
    film = a_film(
        seconds=seconds,
        has_audio=False,
        start_seconds=start,
        video_start_seconds=start,
        video_end_seconds=start + seconds,
        chapters=tuple(Chapter(Fraction(at), title) for at, title in chapters),
    )
    return [(cue.start, cue.end, cue.text) for cue in chapter_cues(film, make_plan(film))]


def a_source(path: Path, *chapters: tuple[int, int, str]) -> Path:
    metadata = path.with_suffix(".txt")
    blocks = [
        f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\ntitle={title}"
        for start, end, title in chapters
    ]
    metadata.write_text("\n".join([";FFMETADATA1", *blocks]) + "\n")
    ffmpeg(*picture(3), "-i", metadata, "-map", "0:v", "-map_chapters", "1", *OPEN_GOP, path)
    return path


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_chapters_of_a_source_become_a_track(tmp_path, ending):
    chapters = [(0, 1000, "One <b> & two"), (1000, 1000, "No length"), (1500, 9000, "")]
    film = probe(a_source(tmp_path / f"source.{ending}", *chapters), LIMITS)

    written = write_chapters(film, make_plan(film), tmp_path / "chapters")

    assert written.read_text() == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:01.000\nOne &lt;b&gt; &amp; two\n\n"
        "00:00:01.000 --> 00:00:01.500\nNo length\n\n"
        "00:00:01.500 --> 00:00:03.000\nChapter 3\n"
    )


def test_the_same_film_is_read_back_with_its_chapters(tmp_path):
    film = probe(a_source(tmp_path / "source.mkv", (0, 1000, "One"), (1000, 3000, "Two")), LIMITS)

    assert Film.from_json(film.as_json()) == film
    assert [chapter.title for chapter in film.chapters] == ["One", "Two"]


def test_a_film_of_the_last_release_has_no_chapters():
    stored = a_film().as_json()
    del stored["chapters"]

    assert Film.from_json(stored).chapters == ()


def test_no_chapters_no_file(tmp_path):
    film = a_film()

    assert write_chapters(film, make_plan(film), tmp_path / "chapters") is None
    assert not (tmp_path / "chapters").exists()


def test_the_track_is_written_once(tmp_path):
    film = a_film(chapters=(Chapter(Fraction(0), "One"), Chapter(Fraction(5), "Two")))
    first = write_chapters(film, make_plan(film), tmp_path / "chapters").stat()

    second = write_chapters(film, make_plan(film), tmp_path / "chapters").stat()

    assert (first.st_ino, first.st_mtime_ns) == (second.st_ino, second.st_mtime_ns)


def test_each_chapter_ends_where_the_next_one_starts():
    assert cues_of((6, "C"), (0, "A"), (2.5, "B")) == [(0, 2.5, "A"), (2.5, 6, "B"), (6, 10, "C")]


def test_chapters_are_clipped_to_the_video():
    assert cues_of((3, "before"), (4, "earlier"), (9, "B"), (15, "after"), starts_at=5) == [
        (0, 4, "earlier"),
        (4, 10, "B"),
    ]


def test_of_chapters_that_start_together_the_innermost_is_kept():
    """Matroska nests chapters: a part, and the first chapter in it."""
    assert cues_of((0, "Part 1"), (0, "Chapter A"), (5, "Chapter B")) == [
        (0, 5, "Chapter A"),
        (5, 10, "Chapter B"),
    ]


def test_titles_are_one_line_of_visible_text():
    (cue, _) = cues_of((0, " a\x00\tb\r\n\r\n--> c\u200b" + "d" * 300), (5, "\u200b"))

    assert cue[2].startswith("ab --> c")
    assert len(cue[2]) == 200
    assert cues_of((0, "a"), (5, "\u200b"))[1][2] == "Chapter 2"


def test_one_chapter_without_a_name_is_none():
    assert cues_of((0, "")) == []
    assert cues_of((0, "Talk")) == [(0, 10, "Talk")]
