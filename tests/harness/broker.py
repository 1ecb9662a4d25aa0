"""What a test can do to a service of its own, and what more to one that is a broker."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from config.env import ROOT
from tests.eventually import eventually

START_SECONDS = 60


class Service:
    """A service in processes of its own. A subclass says how it is started and asked."""

    url: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def start(self, *, empty: bool = False) -> None:
        """Start it where it does not run; return once it can be used. `empty`: it has lost all that it held."""
        raise NotImplementedError

    def kill(self) -> None:
        """Kill it at once: connections break, the port refuses."""
        raise NotImplementedError

    def freeze(self) -> None:
        """Stop it from answering; connections stay, and the system goes on accepting new ones."""
        for name in self._serving:
            os.killpg(self._processes[name].pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        for name in self._serving:
            os.killpg(self._processes[name].pid, signal.SIGCONT)

    def log(self) -> str:
        """Return what it said."""
        return "".join(log.read_text(errors="replace") for log in sorted(self.folder.glob("*.log")))

    def close(self) -> None:
        """End everything that was started."""
        for name in list(self._processes):
            self._end(name)

    @property
    def _serving(self) -> Sequence[str]:
        """The processes that answer clients."""
        raise NotImplementedError

    def _run(self, name: str, *command: str, environ: dict[str, str] | None = None) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _end(self, name: str) -> None:
        process = self._processes.pop(name, None)
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _await(self, name: str, port: int) -> None:
        """Return once the service answers on `port`; fail with its log where the process `name` has ended instead."""

        def answers() -> bool:
            if self._processes[name].poll() is not None:
                pytest.fail(f"{name} ended: {self.log()[-2000:]}")
            return self._answers(port)

        eventually(answers, START_SECONDS)

    def _answers(self, port: int) -> bool:
        raise NotImplementedError


class Broker(Service):
    """A service with queues."""

    def purge(self, *queues: str) -> None:
        """Throw away what waits in these queues; in all where none is named."""
        raise NotImplementedError

    def delete(self, *queues: str) -> None:
        """Delete these queues with what waits in them; all where none is named."""
        raise NotImplementedError

    def waiting(self, queue: str) -> int:
        """Return how many messages wait in the queue; none where it does not exist."""
        raise NotImplementedError

    def reorder(self, queue: str, arrange: Callable[[list[Any]], None]) -> int:
        """Put what waits in the queue into the order that `arrange` gives a list of it; return how many it were."""
        waiting = self._take_all(queue)
        arrange(waiting)
        self._put_all(queue, waiting)
        return len(waiting)

    def _take_all(self, queue: str) -> list[Any]:
        """Take out what waits in the queue, in whatever form it can be put back."""
        raise NotImplementedError

    def _put_all(self, queue: str, messages: list[Any]) -> None:
        """Put messages back, the first to be delivered first."""
        raise NotImplementedError
