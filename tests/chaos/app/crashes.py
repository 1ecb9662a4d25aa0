"""Ways for a job to end its process, or to try."""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable

import psutil

#: What a leak may take beyond what its process has already.
LEAK_BYTES = 256 * 1024 * 1024
PIECE_BYTES = 8 * 1024 * 1024


def _kill() -> None:
    """Be killed, as by the kernel when a container's memory is used up."""
    os.kill(os.getpid(), signal.SIGKILL)


def _exit() -> None:
    """Leave the program."""
    sys.exit(3)


def _recur() -> None:
    """Call itself for ever."""
    _recur()


def _break() -> None:
    """Read where nothing is."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.string_at(0)


def _leak() -> None:
    """Take memory until the system refuses."""
    taken = psutil.Process().memory_info().vms
    _soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (taken + LEAK_BYTES, hard))
    hoard: list[bytearray] = []
    while True:
        hoard.append(bytearray(PIECE_BYTES))


WAYS: dict[str, Callable[[], None]] = {
    "is killed": _kill,
    "exits": _exit,
    "recurs": _recur,
    "breaks": _break,
    "leaks": _leak,
}
