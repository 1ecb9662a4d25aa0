"""A data folder of a test's own, with the environment that belongs to it."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from config import env as environment
from config import services
from config.env import ROOT, Env
from config.services.places import Places
from tests.eventually import eventually
from tests.harness.ports import free_ports


class House:
    """OFFSTAGE_DATA in `folder`, ports from the system, and nothing else set."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.variables = {
            "OFFSTAGE_DATA": str(folder / "var"),
            "ENV_FILE": os.devnull,
            **free_ports(),
            **variables,
        }
        self._started: list[subprocess.Popen[bytes]] = []

    @property
    def env(self) -> Env:
        return environment.read(self.variables)

    @property
    def data(self) -> Path:
        return self.env.data

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a process in this house: none of the variables that the test session has set."""
        known = {variable.name for variable in environment.variables()} | {"ENV_FILE"}
        foreign = {name: value for name, value in os.environ.items() if name not in known}  # noqa: TID251
        return {**foreign, **self.variables}

    def start(self, *command: str, **options) -> subprocess.Popen[bytes]:
        """Start `python COMMAND` in this house, in a session of its own."""
        options = {
            "env": self.environ,
            "cwd": ROOT,
            "start_new_session": True,
            # A shell that runs the tests in the background has them ignore Ctrl-C, and so would what they start.
            "preexec_fn": _heed_interrupts,
            **options,
        }
        process = subprocess.Popen([sys.executable, *command], **options)
        self._started.append(process)
        return process

    def run(self, *command: str, **options) -> subprocess.CompletedProcess[str]:
        """Run `python COMMAND` in this house to its end."""
        options = {"env": self.environ, "cwd": ROOT, "timeout": 60, **options}
        return subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, check=False, **options
        )

    def processes(self) -> list[psutil.Process]:
        """Return the processes that belong to this house, by environment or command line; not the test's own."""
        return [process for process in psutil.process_iter() if self._owns(process)]

    def close(self) -> None:
        """End all that the test started here and the services, and remove the folder.

        An AssertionError names what was left after that: some program did not end what it had started.
        """
        for process in self._started:
            with process:  # closes its pipes, and waits
                process.kill()
        services.leave(self.env)
        services.stop(self.env)
        # What dies with its parent needs a moment.
        with contextlib.suppress(AssertionError):
            eventually(lambda: not self.processes(), 3)
        left = self.processes()
        names = [_describe(process) for process in left]
        for process in left:
            process.kill()
        shutil.rmtree(self.data, ignore_errors=True)
        # Elsewhere where pytest's folder makes the path too long for a socket.
        shutil.rmtree(Places(self.data).sockets, ignore_errors=True)
        assert not names, f"left behind: {names}"

    def _owns(self, process: psutil.Process) -> bool:
        if process.pid == os.getpid():
            return False
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            own = process.environ().get("OFFSTAGE_DATA") == str(self.data)
            return own or str(self.data) in " ".join(process.cmdline())
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _describe(process: psutil.Process) -> str:
    try:
        return f"{process.pid} {' '.join(process.cmdline())}"
    except psutil.NoSuchProcess:
        return f"{process.pid} (gone)"
