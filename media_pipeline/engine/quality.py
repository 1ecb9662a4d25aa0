"""Measure how near a rendition is to its source."""

from pathlib import Path

from media_pipeline.engine.plan import Film, OnProgress, Plan


def measure_vmaf(source: Path, film: Film, plan: Plan, mp4: Path, on_progress: OnProgress) -> float | None:
    """Return the mean VMAF of a few windows of `mp4` against the source, or None where it cannot be measured."""
    raise NotImplementedError
