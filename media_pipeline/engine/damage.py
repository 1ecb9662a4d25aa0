"""What the encoders found damaged, in sentences for the owner of the video."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from pathlib import Path

from media_pipeline.engine.encode import DAMAGED
from media_pipeline.engine.plan import Chunk, Plan


def found_damaged(plan: Plan, chunks: Sequence[Path]) -> tuple[str, ...]:
    """Return a sentence for each part of the video of which pictures are missing; `chunks` are all its folders."""
    marked = [(chunk, (chunks[chunk.number] / DAMAGED).exists()) for chunk in plan.chunks]
    parts = [
        [chunk for chunk, _ in part]
        for is_damaged, part in groupby(marked, lambda each: each[1])
        if is_damaged
    ]
    return tuple(_sentence(plan, part) for part in parts)


def _sentence(plan: Plan, part: list[Chunk]) -> str:
    first, last = part[0].first, part[-1].first + part[-1].frames
    start, end = (timedelta(seconds=round(plan.grid.seconds(frame))) for frame in (first, last))
    return f"The source is damaged: some pictures between {start} and {end} could not be decoded."
