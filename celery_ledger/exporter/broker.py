"""What the exporter's threads have in common towards the broker."""

import threading
from collections.abc import Callable

from celery import Celery
from kombu import Connection
from kombu.exceptions import KombuError

from celery_ledger.exporter.sources import Sources

#: Kombu would wait for a broker that is away, and nobody would learn of it.
IMPATIENT = {"max_retries": 1, "interval_start": 0, "interval_max": 0}


def failures(connection: Connection) -> tuple[type[BaseException], ...]:
    """Return what a broker that is away, frozen or restarted makes its transport raise."""
    return (KombuError, OSError, *connection.connection_errors, *connection.channel_errors)


def failures_of(app: Celery) -> tuple[type[BaseException], ...]:
    """Return the same for a connection that is yet to be made; connects to nothing."""
    return failures(app.connection_for_read())


def repeat(
    every_seconds: float, read: Callable[[], None], source: str, app: Celery, sources: Sources
) -> None:
    """Run `read` for ever, a pause after each; while the broker is away the source is down. For a thread of its own."""
    expected = failures_of(app)
    pause = threading.Event()
    while True:
        try:
            read()
            sources.up(source)
        except expected as error:
            sources.down(source, error)
        pause.wait(every_seconds)
