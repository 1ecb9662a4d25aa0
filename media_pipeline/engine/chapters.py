"""Chapters as a WebVTT track, made of what the source says of them."""

from itertools import pairwise
from pathlib import Path

from media_pipeline.engine.atomic import building
from media_pipeline.engine.cue_cleaning import visible
from media_pipeline.engine.cues import Cue, as_vtt
from media_pipeline.engine.plan import Film, Plan

CHAPTERS_FILE = "chapters.vtt"
TITLE_CHARACTERS = 200


def write_chapters(film: Film, plan: Plan, into: Path) -> Path | None:
    """Write the chapters into the folder `into` and return the file; None where the source has none.

    Twice: returns the file at once where `into` exists.
    """
    cues = chapter_cues(film, plan)
    if not cues:
        return None
    if not into.exists():
        with building(into) as folder:
            (folder / CHAPTERS_FILE).write_text(as_vtt(cues), encoding="utf-8")
    return into / CHAPTERS_FILE


def chapter_cues(film: Film, plan: Plan) -> list[Cue]:
    """Return the chapters in order, one line each, from the start of each to the start of the next one.

    A WebVTT chapters track may not have cues that overlap. Players take the start of a chapter and no more, so ends
    that the source states are left aside: they overlap where chapters are nested, and are often missing or equal to
    the start. Of chapters that start together (or before the video) the last one counts.
    """
    zero = plan.grid.seconds(plan.grid.first)
    ordered = sorted(film.chapters, key=lambda chapter: chapter.start_seconds)
    titles = {
        max(0, round((chapter.start_seconds - zero) * 1000)): _title(chapter.title) for chapter in ordered
    }
    end = round(plan.duration_seconds * 1000)
    starts = [start for start in titles if start < end]
    if len(starts) == 1 and not titles[starts[0]]:
        return []  # One chapter without a name says nothing.
    return [
        Cue(start / 1000, following / 1000, titles[start] or f"Chapter {number}")
        for number, (start, following) in enumerate(pairwise([*starts, end]), 1)
    ]


def _title(written: str) -> str:
    return " ".join(visible(written).split())[:TITLE_CHARACTERS].rstrip()
