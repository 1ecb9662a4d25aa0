"""Wakes the relays after a commit, from a session of its own.

PostgreSQL lets transactions that notify commit one at a time. With `NOTIFY` in the transaction of the caller,
16 clients committed 4 to 7 times fewer jobs a second. Here a thread of the process notifies, outside any transaction
that has written, and once for all commits of a few milliseconds. Where the machine or the database is busy, a
notification takes long, and the commits of a longer time share one: about a tenth of one session's time goes to it.
A lost wake-up is a poll later, nothing more.
"""

import atexit
import os
import threading
import time

import structlog
from celery import signals
from django.db import Error, connection, transaction

from celery_ledger.ledger import due_jobs

log = structlog.get_logger(__name__)

#: The shortest time between two notifications of one process.
GAP_SECONDS = 0.02
#: Where notifying takes long, the machine or the database is busy: the thread waits for so many times as long.
GAP_TIMES = 10
#: Below JOB_POLL_SECONDS by default: a relay that sleeps looks by itself then.
MAX_GAP_SECONDS = 0.5
#: A process that asks for nothing gives its connection back.
IDLE_SECONDS = 60.0
#: How long a process that exits waits for its last notification.
EXIT_SECONDS = 0.5


def wake_relays() -> None:
    """Wake the relays once the current transaction is committed. Never raises, and does not wait for the database."""
    transaction.on_commit(_waker.wake, robust=True)


class Waker:
    """The thread that notifies, started with the first commit that needs it and again in each forked process."""

    _thread: threading.Thread | None

    def __init__(self) -> None:
        self._forget()

    def wake(self) -> None:
        """Notify soon. Where threads are not allowed, now."""
        if not _state.threads_allowed:
            _notify()
            return
        self._sent.clear()
        self._wanted.set()
        with self._lock:
            self._is_stopped = False
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="wakeup", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End the thread and give its connection back."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._is_stopped = True
            self._wanted.set()
            self._gap_is_over.set()
        if thread is not None:
            thread.join()

    def flush(self) -> None:
        """Send the notification that is due, and wait for it a moment."""
        if self._thread is not None and self._thread.is_alive():
            self._gap_is_over.set()
            self._sent.wait(EXIT_SECONDS)

    def _forget(self) -> None:
        # A thread does not survive a fork, and a lock may have been held at that instant.
        self._lock = threading.Lock()
        self._wanted, self._sent, self._gap_is_over = threading.Event(), threading.Event(), threading.Event()
        self._sent.set()
        self._is_stopped = False
        self._thread = None

    def _run(self) -> None:
        try:
            while not self._is_stopped:
                if self._wanted.wait(IDLE_SECONDS):
                    self._send()
                else:
                    connection.close()
        finally:
            connection.close()

    def _send(self) -> None:
        self._wanted.clear()
        self._gap_is_over.clear()
        seconds = _notify()
        if not self._wanted.is_set():
            self._sent.set()
        if not self._is_stopped:
            # Commits of this time share the next notification.
            self._gap_is_over.wait(gap_after(seconds))


def gap_after(seconds: float) -> float:
    """Return how long to wait after a notification that took so long."""
    return min(max(GAP_SECONDS, GAP_TIMES * seconds), MAX_GAP_SECONDS)


class _State:
    threads_allowed = True


_state = _State()
_waker = Waker()


def flush() -> None:
    """Wait a moment for the notification of this process that is due."""
    _waker.flush()


def stop() -> None:
    """End the thread of this process; the next commit starts it again."""
    _waker.stop()


def _notify() -> float:
    """Notify, and return the seconds that it took; to connect does not count."""
    try:
        connection.ensure_connection()
        began_at = time.monotonic()
        due_jobs.notify_relays()
        return time.monotonic() - began_at
    except Error as error:
        connection.close()
        log.warning("relays_not_woken", reason=str(error))
        return 0.0


@signals.worker_init.connect
def _forbid_threads(**_event: object) -> None:
    # The parent of a pool forks: a thread there, and its connection, are hazards to each process that comes of it.
    _state.threads_allowed = False


@signals.worker_process_init.connect
def _allow_threads(**_event: object) -> None:
    _state.threads_allowed = True


os.register_at_fork(after_in_child=_waker._forget)  # noqa: SLF001 - this module's own
atexit.register(flush)
