"""Many threads that do one thing at the same instant, each on a database connection of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connections


def race(*acts: Callable[[], Any], refusals: tuple[type[Exception], ...] = ()) -> list[Any]:
    """Do all at once and return, in their order, what each returned; an exception of `refusals` is a result."""
    start = Barrier(len(acts), timeout=30)

    def do(act: Callable[[], Any]) -> Any:
        try:
            connections["default"].ensure_connection()
            start.wait()
            return act()
        except refusals as refusal:
            return refusal
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as threads:
        return [done.result(60) for done in [threads.submit(do, act) for act in acts]]


def race_many(number: int, act: Callable[[], Any], refusals: tuple[type[Exception], ...] = ()) -> list[Any]:
    """Do the one thing `number` times at once; see `race`."""
    return race(*[act] * number, refusals=refusals)
