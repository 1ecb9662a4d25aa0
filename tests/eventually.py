"""The only way a test waits."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE_SECONDS = 0.02
#: A pause that lasts so much longer was none of ours: the machine stood still, and what is waited for with it.
STANDSTILL_SECONDS = 0.5


def eventually(predicate: Callable[[], T], within_seconds: float = 10) -> T:
    """Return the first true value of `predicate`, asked again and again.

    An AssertionError counts as not yet; the last one is raised where time runs out. Time in which the machine stood
    still does not count.
    """
    deadline = time.monotonic() + within_seconds
    while True:
        failure: AssertionError | None = None
        try:
            value = predicate()
            if value:
                return value
        except AssertionError as error:
            failure = error
        if time.monotonic() > deadline:
            raise failure or AssertionError(f"not within {within_seconds:g} s; last value: {value!r}")
        deadline += _standstill_seconds()


def _standstill_seconds() -> float:
    began = time.monotonic()
    time.sleep(PAUSE_SECONDS)
    overslept = time.monotonic() - began - PAUSE_SECONDS
    return overslept if overslept > STANDSTILL_SECONDS else 0.0
