"""File locks that end with the process that holds them, however it ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# One for each data folder that this process uses. Forked children share the lock and hold it as long as they live;
# programs that they execute do not get it, for Python opens files close-on-exec.
_joined: dict[Path, int] = {}


def join(path: Path) -> None:
    """Hold `path` with all its other users until this process ends or leaves. Twice: nothing more happens."""
    if path not in _joined:
        _joined[path] = _open(path)
        fcntl.flock(_joined[path], fcntl.LOCK_SH)


def leave(path: Path) -> None:
    """Hold `path` no longer. Twice: nothing more happens."""
    descriptor = _joined.pop(path, None)
    if descriptor is not None:
        # Closed, not unlocked: unlocking would take the lock from forked children too.
        os.close(descriptor)


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Yield whether nobody else holds `path`; if so, nobody can join before the block ends."""
    descriptor = _open(path)
    try:
        yield _try(descriptor)
    finally:
        os.close(descriptor)


def is_unused(path: Path) -> bool:
    """Return whether nobody holds `path`. Asks for a moment: keepers ask too, and look like users then."""
    for _ in range(5):
        with alone(path) as unused:
            if unused:
                return True
        time.sleep(0.01)  # noqa: TID251 (see above)
    return False


def claim(path: Path) -> int | None:
    """Return the descriptor of `path`, locked for this process alone, or None where another has it."""
    descriptor = _open(path)
    if _try(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def is_claimed(path: Path) -> bool:
    """Return whether a living process has claimed `path`."""
    if not path.exists():
        return False
    with alone(path) as free:
        return not free


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
