"""What the stack of a data folder runs with, so that a second terminal needs no variables of its own.

`make run` leaves the variables that it was given in `run/stack.json` and holds a lock on that file for its life; the
kernel frees the lock however the stack ends, so a file that nobody holds means nothing.
"""

import fcntl
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

# Where the parts listen and what they talk to. The limits are each process's own.
SHARED: Final = (
    "BIND_ADDRESS",
    "WEB_PORT",
    "FLOWER_PORT",
    "EXPORTER_PORT",
    "MAIL_PORT",
    "DATABASE_URL",
    "CACHE_URL",
    "BROKER_URL",
    "EMAIL_URL",
    "STORAGE_URL",
    "PUBLIC_URL",
    "SECRET_KEY",
    "VAPID_PRIVATE_KEY",
)

# The lock of each data folder whose stack this process is.
_held: dict[Path, int] = {}


def announce(data: Path, variables: Mapping[str, str]) -> None:
    """Tell what this stack runs with, until this process ends. Twice, or beside another stack: nothing happens."""
    path = _stack(data)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if path in _held or not _lock_alone(descriptor):
        os.close(descriptor)
        return
    _held[path] = descriptor
    os.ftruncate(descriptor, 0)
    os.write(
        descriptor, json.dumps({name: variables[name] for name in SHARED if variables.get(name)}).encode()
    )


def withdraw(data: Path) -> None:
    """Take back what was told. Twice: nothing more happens."""
    descriptor = _held.pop(_stack(data), None)
    if descriptor is not None:
        os.ftruncate(descriptor, 0)
        os.close(descriptor)


def variables(data: Path) -> dict[str, str]:
    """Return the variables of the running stack of `data`, and the port of a mailbox that runs without one."""
    return {**_mail_port(data), **_told(_stack(data), _stack(data))}


def _mail_port(data: Path) -> dict[str, str]:
    run = data / "run"
    address = _told(run / "mailbox.json", run / "mailbox.keeper").get("address", "")
    return {"MAIL_PORT": address.rpartition(":")[2]} if address else {}


def _told(path: Path, lock: Path) -> dict[str, str]:
    """Return what `path` says, nothing where no process holds `lock`."""
    try:
        if not _is_held(lock):
            return {}
        told = json.loads(path.read_text())
    except (OSError, ValueError):  # none, another user's, or one that is being written
        return {}
    return {name: str(value) for name, value in told.items()}


def _is_held(lock: Path) -> bool:
    descriptor = os.open(lock, os.O_RDWR)
    try:
        return not _try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _lock_alone(descriptor: int) -> bool:
    """Lock for this process alone; readers hold the lock for a moment, too."""
    for _ in range(20):
        if _try_lock(descriptor, fcntl.LOCK_EX):
            return True
        time.sleep(0.005)  # noqa: TID251 (see above)
    return False


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stack(data: Path) -> Path:
    return data / "run" / "stack.json"
