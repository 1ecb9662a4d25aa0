"""Cut the source into one piece per chunk without decoding."""

from pathlib import Path

from media_pipeline.engine.plan import Film, Plan


def cut_pieces(source: Path, film: Film, plan: Plan, into: Path) -> None:
    """Write one NUT piece per chunk: `into`/00000.nut and so on. Twice: returns at once where `into` exists."""
    raise NotImplementedError


def piece_name(number: int) -> str:
    """Return the file name of chunk `number`'s piece."""
    return f"{number:05}.nut"
