"""What a step makes: found where an earlier attempt made it, on whatever machine, and kept for all others."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from media_pipeline.engine.unforeseen import judged_by_the_file
from media_pipeline.files import storage
from media_pipeline.removal import leftovers


@contextmanager
def made(into: Path) -> Iterator[None]:
    """Have the folder `into` here before the block if any attempt has made it whole, and in the bucket after it.

    What the block makes is kept before the step records it: no machine is sent for what only this one has. Raises
    Permanent where the video was removed meanwhile, and where what is in its file leads our own code into an error.
    Twice: nothing is made, nothing sent.
    """
    storage.lend(into)
    with judged_by_the_file():
        yield
    storage.keep(into)
    leftovers.tidy_this_machine()
