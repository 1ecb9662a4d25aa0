"""The keeper of one embedded service: `python -m config.services.keeper --data FOLDER NAME`.

Started by whoever needs the service first, it leaves that one's terminal and session, and ends with its service when no
process holds the users' lock any more.
"""

import argparse
import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO

from config.services import locks
from config.services.mailbox import Mailbox
from config.services.places import Places
from config.services.postgres import Postgres
from config.services.service import Service, ServiceFailed, kill_group, log_tail
from config.services.state import ALREADY_KEPT, Board, State
from config.services.unprivileged import before_exec
from config.services.valkey import Valkey

TICK_SECONDS = 0.25
# So that one `manage.py` after the other does not start and stop the services each time.
LINGER_SECONDS = 2.0
# PostgreSQL replays its log before it answers; after a crash under load that takes a while.
START_SECONDS = 120.0
STOP_SECONDS = 4.0
# A start may fail for a moment: the old server's last children still hold its memory, its port lingers.
STARTS_IN_A_ROW = 5
LOG_BYTES = 10 * 1024 * 1024


def main() -> None:
    """Keep the service that the command line names, where no other keeper does."""
    parser = argparse.ArgumentParser(description="Keeps one embedded service of a data folder.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--mail-port", type=int, default=0)
    parser.add_argument("name", choices=["postgres", "valkey", "mailbox"])
    arguments = parser.parse_args()
    places = Places(arguments.data)
    board = Board(places, arguments.name)
    claim = locks.claim(board.claim)
    if claim is None:
        sys.exit(ALREADY_KEPT)
    # What a killed keeper left, before the starter looks.
    board.withdraw()
    board.forget_failure()
    _leave_the_starter()
    os.ftruncate(claim, 0)
    os.write(claim, str(os.getpid()).encode())
    try:
        Keeper(
            _service_of(arguments.name, places, arguments.mail_port),
            places,
            board,
            claim,
        ).keep()
    except (ServiceFailed, OSError) as error:
        if places.run.exists():  # else the folder was removed under us, and nobody is left to tell
            board.give_up(str(error))
        sys.exit(1)


def _leave_the_starter() -> None:
    """Go on as a child of init, the claim still held; the starter sees its child end and has nobody to wait for."""
    if os.fork():
        os._exit(0)


def _service_of(name: str, places: Places, mail_port: int) -> Service:
    if name == "mailbox":
        return Mailbox(places, mail_port)
    return Postgres(places) if name == "postgres" else Valkey(places)


class _StopWhilePreparing(Exception):
    """Raised by the signal, in the middle of initdb or where it may be."""


class Keeper:
    """Starts its service, watches it, and ends with it."""

    def __init__(self, service: Service, places: Places, board: Board, claim: int) -> None:
        self.service = service
        self.places = places
        self.board = board
        self.claim = claim
        self.starts = 0
        self.last_end = ""
        self._told_to_stop = False
        self._is_preparing = False
        self._unused_since: float | None = None
        # Signals end the wait at once: SIGCHLD when the service dies, SIGTERM when somebody says stop.
        self._wake, waker = socket.socketpair()
        self._waker = waker
        for end in (self._wake, waker):
            end.setblocking(False)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._stop)

    def keep(self) -> None:
        """Run the service until it is told to stop or nobody uses it. Raises ServiceFailed where it does not start."""
        failures = 0
        while not self._told_to_stop:
            answered = self._live_once()
            failures = 0 if answered else failures + 1
            if failures == STARTS_IN_A_ROW:
                log = self.places.log(self.service.name)
                raise ServiceFailed(f"{self.service.name} does not start: {log_tail(log)} (see {log})")
            if failures:
                self._wait(0.1 * 2**failures)

    def _live_once(self) -> bool:
        """Run the service until it ends; return whether it could be used meanwhile."""
        if not self._prepare():
            return False
        process = self._start()
        try:
            answered = self._wait_for_answer(process)
            if answered:
                self.board.announce(State(process.pid, self.service.address, self.starts, self.last_end))
            while answered and process.poll() is None and not self._must_stop():
                self._wait(TICK_SECONDS)
        finally:
            self.board.withdraw()
            self._end(process)
        self.last_end = _how_it_ended(process.returncode)
        self._say(f"ended: {self.last_end}")
        return answered

    def _prepare(self) -> bool:
        """Prepare the service; return False where it was told to stop meanwhile."""
        self._is_preparing = True
        try:
            self._prepare_twice()
        except _StopWhilePreparing:
            self._told_to_stop = True
        finally:
            self._is_preparing = False
        return not self._told_to_stop

    def _prepare_twice(self) -> None:
        """Prepare the service, once more where that fails: the former one may still be going."""
        try:
            self.service.prepare()
        except ServiceFailed:
            self._wait(1)
            self.service.prepare()

    def _start(self) -> subprocess.Popen[bytes]:
        self.starts += 1
        with self._open_log() as log:
            return subprocess.Popen(
                self.service.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # Killed keeper, ended service: the next keeper finds a clean place. Safe here: no threads.
                preexec_fn=before_exec(self.service.identity, self.service.stop_signal),  # noqa: PLW1509
            )

    def _wait_for_answer(self, process: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline and not self._must_stop():
            if self.service.answers(process.pid):
                return True
            self._wait(0.02)
        return False

    def _must_stop(self) -> bool:
        # Its file is gone: somebody deleted the data folder under it.
        if self._told_to_stop or os.fstat(self.claim).st_nlink == 0 or self._is_unused():
            self._told_to_stop = True
        return self._told_to_stop

    def _is_unused(self) -> bool:
        """Return whether nobody has used the services for a while; if so, tell so before anybody can join again."""
        with locks.alone(self.places.users_lock) as unused:
            now = time.monotonic()
            if not unused or self.places.pin.exists():
                self._unused_since = None
                return False
            self._unused_since = self._unused_since or now
            if now - self._unused_since < LINGER_SECONDS:
                return False
            self.board.withdraw()
            return True

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.send_signal(self.service.stop_signal)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._say(f"did not end within {STOP_SECONDS:g} s and is killed")
        kill_group(process)  # its children too, where it left any

    def _wait(self, seconds: float) -> None:
        if self._told_to_stop:
            return
        select.select([self._wake], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            self._wake.recv(4096)

    def _stop(self, *_: object) -> None:
        self._told_to_stop = True
        if self._is_preparing:
            raise _StopWhilePreparing

    def _say(self, what: str) -> None:
        with self._open_log() as log:
            log.write(f"keeper of {self.service.name}: {what}\n".encode())

    def _open_log(self) -> BinaryIO:
        path = self.places.log(self.service.name)
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.rename(path.with_suffix(".log.1"))
        return path.open("ab")


def _how_it_ended(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


if __name__ == "__main__":
    main()
