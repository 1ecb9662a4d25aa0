"""Poster and thumbnails."""

from pathlib import Path

from media_pipeline.engine.plan import Film, OnProgress, Plan


def grab_thumbnails(source: Path, film: Film, plan: Plan, into: Path, on_progress: OnProgress) -> None:
    """Write whole frames of the film into the folder `into`. Twice: returns at once where it exists."""
    raise NotImplementedError


def process_thumbnails(grabbed: Path, into: Path) -> tuple[str, ...]:
    """Write `into`/poster.jpg and `into`/thumb_1.jpg and so on; return the thumbnails' names (the poster apart).

    Twice: returns the same names at once where `into` exists.
    """
    raise NotImplementedError
