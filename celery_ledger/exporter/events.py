"""The thread that listens to Celery's events."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from celery import Celery
from celery.events import EventReceiver

from celery_ledger.exporter.broker import failures_of
from celery_ledger.exporter.sources import Sources

SOURCE = "events"
PAUSE_SECONDS = 1


class _Receiver(EventReceiver):
    """Celery's receiver, saying when it listens and when it can't."""

    def __init__(
        self, connection: Any, on_event: Callable[[Mapping[str, Any]], None], sources: Sources, app: Celery
    ) -> None:
        super().__init__(connection, handlers={"*": on_event}, app=app)
        self._sources = sources

    def on_consume_ready(self, *args: Any, **kwargs: Any) -> None:
        """Ask the workers for a sign of life, as Celery's receiver does."""
        super().on_consume_ready(*args, **kwargs)
        self._sources.up(SOURCE)

    def on_connection_error(self, error: Exception, _interval: float) -> None:
        """Note that the broker is away; kombu tries again by itself."""
        self._sources.down(SOURCE, error)


def listen(app: Celery, on_event: Callable[[Mapping[str, Any]], None], sources: Sources) -> None:
    """Pass on every event for ever, through any number of restarts of the broker. For a thread of its own."""
    expected = failures_of(app)
    pause = threading.Event()
    while True:
        try:
            with app.connection_for_read() as connection:
                _Receiver(connection, on_event, sources, app).capture(limit=None, timeout=None, wakeup=True)
        except expected as error:
            sources.down(SOURCE, error)
        pause.wait(PAUSE_SECONDS)


def sort(
    on_task: Callable[[Mapping[str, Any]], None], on_worker: Callable[[Mapping[str, Any]], None]
) -> Callable[[Mapping[str, Any]], None]:
    """Return a handler that passes events of tasks and of workers to their own."""

    def pass_on(event: Mapping[str, Any]) -> None:
        if event["type"].startswith("task-"):
            on_task(event)
        elif event["type"].startswith("worker-"):
            on_worker(event)

    return pass_on
