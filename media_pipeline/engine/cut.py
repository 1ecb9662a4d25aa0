"""Cut the source into one piece per chunk without decoding."""

import shutil
from pathlib import Path

from media_pipeline.engine.atomic import building
from media_pipeline.engine.demux import ask_demuxer
from media_pipeline.engine.plan import Film, Plan

# A piece starts at the source's time plus this: NUT takes no negative time stamps.
SHIFT_SECONDS = 10


def cut_pieces(source: Path, film: Film, plan: Plan, into: Path) -> None:
    """Write one piece per chunk: `into`/00000.nut and so on, each with all that its chunk needs to decode.

    Neighbours overlap by up to one GOP of the source; the grid cuts exactly, after decoding. A video that has to
    stay in one piece is copied as it is. Twice: returns at once where `into` exists.
    """
    if into.exists():
        return
    with building(into) as folder:
        if plan.whole_stream is not None:
            shutil.copyfile(source, folder / piece_name(0))
            return
        grid = plan.grid
        ranges = [
            [grid.first + chunk.first, grid.first + chunk.first + chunk.frames] for chunk in plan.chunks
        ]
        ask_demuxer(
            "cut",
            source,
            into,
            writes=[folder],
            index=film.video_stream,
            ranges=[[str(first / grid.rate), str(last / grid.rate)] for first, last in ranges],
            margin=str(2 / grid.rate),
            shift_seconds=SHIFT_SECONDS,
            into=str(folder),
        )


def piece_name(number: int) -> str:
    """Return the file name of chunk `number`'s piece."""
    return f"{number:05}.nut"
