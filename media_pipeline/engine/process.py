"""The only place that starts programs: limits, budget, progress, and an end for all of them."""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from celery_ledger import Permanent, Transient

LAUNCHER = Path(__file__).with_name("launch.py")
KILLED, FILE_TOO_LARGE, CPU_TIME = -9, -25, -24
TICK_SECONDS = 0.25
KEPT_BYTES = 64 * 1024


class OutOfTime(Transient):
    """The program took longer than its budget while the machine gave it little time; another attempt may do."""


class TooMuchWork(Permanent):
    """The program worked for as long as its budget allows; it would do so each time."""


@dataclass(slots=True)
class Ceilings:
    """What no program gets more of, whatever its budget says; set from the settings."""

    memory_bytes: int = 8 * 1024**3
    file_bytes: int = 16 * 1024**3
    text_bytes: int = 8 * 1024**2


ceilings = Ceilings()


@dataclass(frozen=True, slots=True)
class Access:
    """The files and folders that a program may read, and the folders that it may write."""

    reads: Sequence[Path] = ()
    writes: Sequence[Path] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """What a program may use. `seconds` is wall-clock time, `memory_bytes` address space."""

    seconds: float
    memory_bytes: int = 4 * 1024**3
    file_bytes: int = 1024**4
    nice: int = 5

    def as_limits(self) -> dict[str, int]:
        """Return what the launcher sets: resource limits by name, niceness, and who its parent must be."""
        cores = os.cpu_count() or 1
        return {
            "parent": os.getpid(),
            "nice": self.nice,
            "AS": min(self.memory_bytes, ceilings.memory_bytes),
            "FSIZE": min(self.file_bytes, ceilings.file_bytes),
            "CPU": int(self.seconds * cores) + 1,
            "CORE": 0,
        }


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit code (negative: the signal) and the last part of what it wrote."""

    code: int
    output: bytes
    errors: str


def run_program(  # noqa: PLR0913 - keywords, each with its own meaning and default
    program: Sequence[str],
    *,
    budget: Budget,
    beside: Path,
    access: Access = Access(),
    on_output: Callable[[bytes], None] = lambda _: None,
    on_tick: Callable[[], None] = lambda: None,
    keep_output: bool = False,
    folder: Path | None = None,
) -> Ended:
    """Run `program` (a list, never a shell) to its end and return how it ended.

    It has no environment, opens no connection and sees no file beside those of `access` and the system's programs
    and libraries, as far as the kernel can see to that (`sandbox.missing`).

    `beside` names the output: a file next to it remembers the process, so that the next attempt ends one that
    outlived its worker. `on_tick` is called about twice a second and may raise: the whole process group is then
    ended and the exception passes. Raises OutOfTime when the budget's time is up, TooMuchWork when the program was
    busy for at least half of it.

    It blocks in the calling thread, and must: the signal that ends the program with its starter follows the
    thread that started it (prctl(2), PR_SET_PDEATHSIG).
    """
    note = _note(beside)
    end_survivor(beside)
    orders = {"limits": budget.as_limits(), **_paths(access, program[0], folder)}
    command = [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(orders), *program]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        cwd=folder,
        env={},
    ) as running:
        try:
            note.write_text(f"{socket.gethostname()} {running.pid} {_started(running.pid)}")
            output, errors = _read_until_closed(
                running, budget.seconds, on_output, on_tick, keep_output=keep_output
            )
            code = running.wait(timeout=10)
        finally:
            # Nothing that the program wrote so far will be used, so there is nothing to finish politely.
            if running.poll() is None:
                _kill_group(running.pid)
                running.wait()
            note.unlink(missing_ok=True)
    return Ended(code, output, errors.decode(errors="replace"))


def end_survivor(beside: Path) -> None:
    """End the program of an earlier attempt at the same output, if it still runs on this machine."""
    note = _note(beside)
    with suppress(FileNotFoundError, ValueError):
        host, pid, started = note.read_text().split(" ", 2)
        # A process id is used again some day: only the same start time means the same process.
        if host == socket.gethostname() and started and _started(int(pid)) == started:
            _kill_group(int(pid))
        note.unlink(missing_ok=True)


def _paths(access: Access, program: str, folder: Path | None) -> dict[str, list[str]]:
    own = _python_reads() if program == sys.executable else [Path(program)]
    writes = [*access.writes, *((folder,) if folder else ())]
    return {
        "reads": [str(path.absolute()) for path in (*own, *access.reads)],
        "writes": [str(path.absolute()) for path in writes],
    }


@cache
def _python_reads() -> list[Path]:
    """Return what a Python program reads: its own libraries, and the scripts of this folder."""
    found = sysconfig.get_paths()
    folders = {found[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    shared = sysconfig.get_config_var("LIBDIR")
    executable = Path(sys.executable)
    return [
        *map(Path, sorted(folders | ({str(shared)} if shared else set()))),
        *(executable, executable.parent.parent / "pyvenv.cfg", LAUNCHER.parent),
    ]


def _note(beside: Path) -> Path:
    return beside.with_name(f".{beside.name}.process")


def _started(pid: int) -> str:
    """Return the kernel's start time of `pid`, "" where there is no such process or no /proc."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _read_until_closed(
    running: subprocess.Popen[bytes],
    seconds: float,
    on_output: Callable[[bytes], None],
    on_tick: Callable[[], None],
    *,
    keep_output: bool,
) -> tuple[bytes, bytes]:
    """Read both pipes in turn until both are closed; a full pipe nobody reads would hang the program."""
    deadline = time.monotonic() + seconds
    output, errors = bytearray(), bytearray()
    for name, read in _readable(running, deadline, seconds, on_tick):
        if name == "errors":
            errors = (errors + read)[-KEPT_BYTES:]
        else:
            on_output(read)
            if keep_output:
                output += read
    return bytes(output), bytes(errors)


def _readable(
    running: subprocess.Popen[bytes], deadline: float, seconds: float, on_tick: Callable[[], None]
) -> Iterator[tuple[str, bytes]]:
    ticked = 0.0
    with _selecting(running) as selector:
        while selector.get_map():
            for key, _ in selector.select(TICK_SECONDS):
                read = os.read(key.fd, KEPT_BYTES)
                if not read:
                    selector.unregister(key.fileobj)
                yield key.data, read
            now = time.monotonic()
            if now > deadline:
                raise _out_of_time(running.pid, seconds)
            if now - ticked >= 2 * TICK_SECONDS:
                ticked = now
                on_tick()


def _out_of_time(pid: int, seconds: float) -> Exception:
    """Tell a file that needs too much work from a machine that is busy with others: by the time on its processors."""
    if _processor_seconds(pid) >= seconds / 2:
        return TooMuchWork("the video takes more processor time than a job may use")
    return OutOfTime("the work took longer than its time limit")


def _processor_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError):
        return 0.0


@contextmanager
def _selecting(running: subprocess.Popen[bytes]) -> Iterator[selectors.BaseSelector]:
    with selectors.DefaultSelector() as selector:
        if running.stdout and running.stderr:
            selector.register(running.stdout, selectors.EVENT_READ, "output")
            selector.register(running.stderr, selectors.EVENT_READ, "errors")
        yield selector
