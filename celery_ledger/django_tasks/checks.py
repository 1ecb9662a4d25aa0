"""System checks of a project whose Django tasks are jobs of the ledger."""

from collections.abc import Iterable

from celery import current_app
from celery.exceptions import QueueNotFound
from django.apps import apps
from django.core.checks import CheckMessage, Error

from celery_ledger.app import LedgerApp
from celery_ledger.asking import options


def of_backend(alias: str, queues: Iterable[str]) -> list[CheckMessage]:
    """Return what keeps tasks of this backend from being enqueued or run."""
    if not apps.is_installed("celery_ledger"):
        return [
            Error(
                f"TASKS[{alias!r}] is a LedgerBackend, and the ledger is not installed.",
                hint="Add 'celery_ledger' to INSTALLED_APPS.",
                id="celery_ledger.E101",
            )
        ]
    if not isinstance(current_app, LedgerApp):
        return [
            Error(
                f"TASKS[{alias!r}] is a LedgerBackend, and Celery's current application is not a LedgerApp.",
                hint="Set CELERY_APP to the module that makes the application and calls its set_default().",
                id="celery_ledger.E102",
            )
        ]
    return [message for queue in sorted(queues) for message in _of_queue(alias, queue)]


def _of_queue(alias: str, queue: str) -> Iterable[CheckMessage]:
    try:
        options.queue_name(current_app, alias, queue=queue, exchange=None, routing_key=None)
    except (QueueNotFound, ValueError):
        yield Error(
            f"TASKS[{alias!r}] takes tasks for the queue {queue!r}, which Celery does not have.",
            hint=f"Add it to task_queues, or name those that are there: TASKS[{alias!r}]['QUEUES'].",
            id="celery_ledger.E103",
        )
