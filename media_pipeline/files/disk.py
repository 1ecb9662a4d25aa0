"""What is done to files and folders on this machine's disk, whosever they are."""

import shutil
import time
from pathlib import Path
from typing import Final
from uuid import uuid4

# Files and folders that are being written, or removed, bear a name that begins so; nobody may fetch from them.
HIDDEN: Final = "."


def remove(path: Path) -> int:
    """Remove the file or folder, gone under its name at once; return how many files a folder had. Twice: 0."""
    grave = path.with_name(f"{HIDDEN}removed-{uuid4()}")
    try:
        path.replace(grave)
    except FileNotFoundError:
        return 0
    count = sum(1 for inner in grave.rglob("*") if inner.is_file())
    delete(grave)
    return count


def delete(path: Path) -> None:
    """Remove the file or folder where it is. Twice: it is not there."""
    # A process that still writes in there may add a file while we remove: the sweep gets the rest.
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def remove_empty(folder: Path) -> None:
    """Remove the folder if nothing is in it."""
    try:
        folder.rmdir()
    except OSError:
        return  # Not empty, or gone.


def entries(folder: Path) -> list[Path]:
    """Return what is right below the folder, nothing where it is not there."""
    return list(folder.iterdir()) if folder.is_dir() else []


def age_seconds(path: Path) -> float:
    """Return the seconds since the newest change at or right below `path`; 0 where it is gone."""
    try:
        changes = [path.lstat().st_mtime, *(inner.lstat().st_mtime for inner in entries(path))]
    except FileNotFoundError:
        return 0.0
    return time.time() - max(changes)
