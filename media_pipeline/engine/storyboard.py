"""Storyboard: sprite sheets and the WebVTT file that says which picture belongs to which time."""

from pathlib import Path

from media_pipeline.engine.plan import Film, OnProgress, Plan


def make_storyboard(source: Path, film: Film, plan: Plan, into: Path, on_progress: OnProgress) -> str:
    """Write sheets and `into`/storyboard.vtt, return its name. Twice: returns at once where `into` exists."""
    raise NotImplementedError
