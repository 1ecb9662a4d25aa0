"""The only way a test waits."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE_SECONDS = 0.02


def eventually(predicate: Callable[[], T], within_seconds: float = 10) -> T:
    """Return the first true value of `predicate`, asked again and again.

    An AssertionError counts as not yet; the last one is raised where time runs out.
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
        time.sleep(PAUSE_SECONDS)
