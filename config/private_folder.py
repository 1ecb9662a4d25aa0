"""Keeps the data folder from other users of the machine: it holds mails, exports, videos and keys."""

import os
import stat
from pathlib import Path

PRIVATE = 0o700


def make_private(folder: Path) -> None:
    """Make `folder` and close it, with the folders in it, to other users; files made from now on are private too.

    Folders of another user are left as they are. Twice: nothing more happens. Raises PermissionError for a folder that
    all users share, such as /tmp: closing it would lock them out.
    """
    os.umask(0o077)
    folder.mkdir(parents=True, exist_ok=True)
    if folder.stat().st_mode & stat.S_ISVTX:
        raise PermissionError("it is shared by all users; name a folder inside it")
    _close(folder)
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _close(Path(entry.path))


def _close(folder: Path) -> None:
    found = folder.stat()
    if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o077:
        folder.chmod(stat.S_IMODE(found.st_mode) & PRIVATE)
