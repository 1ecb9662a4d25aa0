"""What a keeper has to know about the service it keeps."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import Protocol

from config.services.unprivileged import Identity


class ServiceFailed(Exception):
    """A service cannot run; its text is the line the user sees."""


class Service(Protocol):
    """One embedded program."""

    @property
    def name(self) -> str:
        """What it is called, in files and lines."""
        ...

    @property
    def address(self) -> str:
        """Where it is reached; users of one data folder must agree on it."""
        ...

    @property
    def stop_signal(self) -> signal.Signals:
        """The signal that ends it in order."""
        ...

    @property
    def identity(self) -> Identity | None:
        """Whom it runs as, where not as this process's user."""
        ...

    def prepare(self) -> None:
        """Make all that must be there before it starts. Raises ServiceFailed where it never will start."""
        ...

    def command(self) -> list[str]:
        """Return its command line."""
        ...

    def answers(self, pid: int) -> bool:
        """Return whether the process `pid` takes requests by now."""
        ...


def log_tail(path: Path, lines: int = 3) -> str:
    """Return the last lines of a log as one line, for the reason of a failure."""
    if not path.exists():
        return "its log is empty"
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - 4096))
        text = log.read().decode(errors="replace")
    return " / ".join(text.strip().splitlines()[-lines:]) or "its log is empty"


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads a group of its own, and whatever it has started in it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
