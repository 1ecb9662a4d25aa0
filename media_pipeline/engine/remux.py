"""Give a source a steady clock: one without jumps, or one at all."""

from pathlib import Path

from media_pipeline.engine.atomic import building
from media_pipeline.engine.demux import ask_demuxer

REMUXED_NAME = "source"


def remux(source: Path, into: Path, max_pixels: int) -> None:
    """Write `into`/source: the pictures and sounds of `source`, copied, on one clock from start to end.

    Pictures of more than `max_pixels` are not decoded. Twice: returns at once where `into` exists.
    """
    if into.exists():
        return
    with building(into) as folder:
        ask_demuxer(
            "remux", source, into, writes=[folder], target=str(folder / REMUXED_NAME), max_pixels=max_pixels
        )
