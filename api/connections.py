"""Database connections of asynchronous code: lent for one call, and not for as long as a client takes.

Django gives a request's connection back once its answer is sent to the end. A stream may have no end: as many of them
as the pool has connections, and the whole site waits.
"""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import connections

Given = ParamSpec("Given")
Found = TypeVar("Found")


def lent(function: Callable[Given, Found]) -> Callable[Given, Coroutine[Any, Any, Found]]:
    """Return `function` for asynchronous callers, with a connection for as long as it runs."""

    @wraps(function)
    def called(*args: Given.args, **kwargs: Given.kwargs) -> Found:
        try:
            return function(*args, **kwargs)
        finally:
            release()

    return sync_to_async(called)


async def give_back() -> None:
    """Give back the connection that the present request holds, if any."""
    await sync_to_async(release)()


def release() -> None:
    """Give back the connections of this thread, except one whose transaction is open."""
    for connection in connections.all(initialized_only=True):
        # Whoever has begun a transaction needs its connection on.
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
