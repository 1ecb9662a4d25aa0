"""The web processes' metrics, kept in files: the exporter shows them (config/exporter/web.py), no public port does.

Each process has a folder of its own and holds a lock in it. The kernel frees the lock however the process ends, on
whatever container it ran, so figures of processes that are gone are told from the others' and removed.

Nothing here may import prometheus_client, which chooses where it keeps its figures when it is imported.
"""

import fcntl
import os
import shutil
import socket
from pathlib import Path

from config import env

FOLDER = "web-metrics"
LOCK = "lock"

# Held for the life of this process.
_locks: list[int] = []


def keep(data: Path) -> None:
    """Have this process keep its metrics below `data`, and remove those of processes that have ended."""
    folder = data / "run" / FOLDER / f"{socket.gethostname()}-{os.getpid()}"
    if folder.parent.is_dir():
        for other in folder.parent.iterdir():
            if not is_alive(other):
                shutil.rmtree(other, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    _locks.append(descriptor)
    env.share_web_metrics(folder)


def folders(data: Path) -> list[Path]:
    """Return the folders of the web processes that live."""
    parent = data / "run" / FOLDER
    return sorted(filter(is_alive, parent.iterdir())) if parent.is_dir() else []


def is_alive(folder: Path) -> bool:
    """Say whether the process whose folder this is lives."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
