"""Running an asynchronous function from a worker's thread, so that it ends with its attempt.

asgiref runs the event loop in a thread of its own. A soft time limit, or the end of the worker, is raised in the thread
that waits; the loop would go on, and the function with it, beside the next attempt of the same job.
"""

import asyncio
from contextlib import suppress
from threading import Event
from typing import Any

from asgiref.sync import async_to_sync

from celery_ledger.django_tasks.interface import AnyTask


def call(task: AnyTask, *args: Any, **kwargs: Any) -> Any:
    """Return what the asynchronous function of the task returns.

    Where the waiting thread is interrupted, the function is cancelled, and has ended when the exception goes on.
    """
    run = AsyncRun(task)
    try:
        return async_to_sync(run.start)(*args, **kwargs)
    except BaseException:
        run.stop()
        raise


class AsyncRun:
    """One call of an asynchronous function, which another thread may stop."""

    def __init__(self, task: AnyTask) -> None:
        self._task = task
        self._under_way: asyncio.Task[Any] | None = None
        self._is_stopped = False
        self._ended = Event()

    async def start(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function, unless `stop` came first."""
        self._under_way = asyncio.current_task()
        try:
            # Each of the two threads sets its own value before it reads that of the other, so one of them sees both.
            return None if self._is_stopped else await self._task.acall(*args, **kwargs)
        finally:
            self._ended.set()

    def stop(self) -> None:
        """Cancel the function and wait until it has ended; after that it does not start."""
        self._is_stopped = True
        if self._under_way is None:
            return
        with suppress(RuntimeError):  # The loop is closed: nothing is under way.
            self._under_way.get_loop().call_soon_threadsafe(self._under_way.cancel)
            self._ended.wait()
