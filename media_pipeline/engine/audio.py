"""Encode the film's sound, once, as a rendition of its own."""

from pathlib import Path

from media_pipeline.engine.plan import Film, OnProgress, Plan


def encode_audio(source: Path, film: Film, plan: Plan, into: Path, on_progress: OnProgress) -> None:
    """Write `into`/audio.mp4, in step with the plan's grid. Twice: returns at once where `into` exists."""
    raise NotImplementedError
