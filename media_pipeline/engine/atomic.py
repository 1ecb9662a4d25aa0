"""Output folders that exist whole or not at all."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = ".tmp-"


@contextmanager
def building(into: Path) -> Iterator[Path]:
    """Give a folder to write in, and rename it to `into` at the end of the block, all bytes on the disk.

    After an exception nothing is left. If another attempt was first, its folder stays and this one goes.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    folder = into.with_name(f"{PREFIX}{into.name}-{uuid.uuid4().hex}")
    folder.mkdir()
    try:
        yield folder
        _sync_all(folder)
        _rename(folder, into)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _rename(folder: Path, into: Path) -> None:
    try:
        folder.rename(into)
    except OSError:
        # rename(2) does not replace a folder that holds files: another attempt has finished the same work.
        if not into.is_dir():
            raise
    sync(into.parent)


def _sync_all(folder: Path) -> None:
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)


def sync(path: Path) -> None:
    """Return once the file's bytes, or the folder's names, are on the disk: a rename is only when its folder is."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
