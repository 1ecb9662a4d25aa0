"""A bound on the password hashes that one process computes at the same time.

A hash is slow and takes 100 MiB on purpose. Fifty at once held every other request of the process for seconds and its
database connections with them. So few run at a time, the others wait without a connection, and one that has waited too
long is refused with 503.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import structlog
from django.conf import settings

from accounts.errors import HashingBusy
from api.connections import release

log = structlog.get_logger(__name__)


class _Thread(threading.local):
    has_turn = False


_thread = _Thread()


@contextmanager
def turn() -> Iterator[None]:
    """Run the block as one of PASSWORD_HASHES_AT_ONCE of this process; raises HashingBusy after too long a wait.

    A block within a block shares its turn. Outside a transaction the thread gives its database connection back before
    it waits.
    """
    if _thread.has_turn:
        yield
        return
    release()
    turns = _turns(settings.PASSWORD_HASHES_AT_ONCE)
    if not turns.acquire(timeout=settings.PASSWORD_HASH_WAIT_SECONDS):
        log.warning("hashing_refused")
        raise HashingBusy
    _thread.has_turn = True
    try:
        yield
    finally:
        _thread.has_turn = False
        turns.release()


@cache
def _turns(at_once: int) -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(at_once)
