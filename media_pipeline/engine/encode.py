"""Encode one chunk in all rungs."""

from pathlib import Path

from media_pipeline.engine.plan import OnProgress, Plan


def encode_chunk(piece: Path, plan: Plan, chunk_number: int, into: Path, on_progress: OnProgress) -> None:
    """Write the chunk's fragments of every rung into the folder `into`. Twice: returns at once where it exists."""
    raise NotImplementedError
