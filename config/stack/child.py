"""One run of a part: a process group of its own, its output passed on, ended with all that it started."""

import asyncio
import codecs
import contextlib
import os
import re
import signal

import psutil

from config.env import inherited
from config.services.unprivileged import before_exec
from config.stack.console import Console
from config.stack.parts import Part

CHUNK_BYTES = 65_536


class Child:
    """A running part. Make one with `Child.start`."""

    def __init__(
        self, part: Part, process: asyncio.subprocess.Process, output: int, console: Console
    ) -> None:
        self.part = part
        self.process = process
        self.said_ready = asyncio.Event()
        self._console = console
        self._started: set[psutil.Process] = set()
        self._has_left_nothing = False
        self._output = asyncio.create_task(self._pass_on(output))

    @classmethod
    async def start(cls, part: Part, console: Console) -> "Child":
        """Start `part`, its lines going to `console`."""
        # Not asyncio's own pipe: with that, wait() waits for everybody who holds it, not for the process.
        output, inlet = os.pipe()
        with contextlib.ExitStack() as unless_started:
            unless_started.callback(os.close, output)
            process = await _start_process(part, inlet)
            unless_started.pop_all()
        return cls(part, process, output, console)

    @property
    def is_running(self) -> bool:
        """Whether its process has not ended yet."""
        return self.process.returncode is None

    async def wait(self) -> str:
        """Return how it ended, once it has and its output is passed on."""
        code = await self.process.wait()
        # What it left behind in its group would hold the successor's port.
        self._kill_group()
        # A process that left the group may still hold the output; a second is for what is in the pipe.
        await asyncio.wait({self._output}, timeout=1)
        self._output.cancel()
        return how_it_ended(code)

    def ask_to_end(self) -> None:
        """Send it SIGTERM, and remember what it started: once it is gone, nobody can tell any more."""
        self._remember_started()
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it and all that it started. Twice: whatever is left by then."""
        self._remember_started()
        self._kill_group()
        for process in self._started:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def _remember_started(self) -> None:
        if self.is_running:
            with contextlib.suppress(psutil.NoSuchProcess):
                self._started.update(psutil.Process(self.process.pid).children(recursive=True))

    def _kill_group(self) -> None:
        # Once only: later the number may be another's.
        if not self._has_left_nothing:
            self._has_left_nothing = not self.is_running
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    async def _pass_on(self, output: int) -> None:
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: protocol, os.fdopen(output, "rb", buffering=0))
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        rest = ""
        try:
            while chunk := await reader.read(CHUNK_BYTES):
                *lines, rest = (rest + decoder.decode(chunk)).split("\n")
                self._take(lines)
            self._take([rest] if rest else [])
        finally:
            transport.close()

    def _take(self, lines: list[str]) -> None:
        if not lines:
            return
        self._console.pass_on(self.part.name, lines)
        pattern: re.Pattern[str] | None = None if self.said_ready.is_set() else self.part.ready_line
        if pattern is not None and any(pattern.search(line) for line in lines):
            self.said_ready.set()


async def _start_process(part: Part, inlet: int) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *part.command,
            env=inherited(part.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=inlet,
            stderr=inlet,
            # Ctrl-C reaches the stack alone, which ends its parts in order.
            start_new_session=True,
            # Nobody is left where the stack itself is killed. One call of libc between fork and exec.
            preexec_fn=before_exec(None, signal.SIGTERM),
        )
    finally:
        os.close(inlet)


def how_it_ended(code: int) -> str:
    """Return the exit code, or the signal's name for the negative code of a killed process."""
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
