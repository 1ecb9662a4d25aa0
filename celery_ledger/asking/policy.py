"""What a task's `@job` line and the settings say together."""

import random
from typing import Any

from celery import current_app
from django.conf import settings

#: A tenth at most on top of the delay, so that what failed together does not come back together.
JITTER = 0.1
#: A message's headers; RabbitMQ's frame of 128 KiB and SQS's message of 256 KiB hold them in any encoding.
MAX_HEADERS_BYTES = 32 * 1024
#: Celery's.
MAX_PRIORITY = 255

#: Celery's own tasks that run the bodies of others.
_RUN_BODIES = frozenset({"celery.map", "celery.starmap", "celery.chunks"})


def max_attempts_of(name: str) -> int:
    """Return how many attempts a job of this task has."""
    return _declared(name, "job_max_attempts") or settings.JOB_MAX_ATTEMPTS


def retry_base_seconds_of(name: str) -> float:
    """Return the first retry delay of this task."""
    declared: float | None = _declared(name, "job_retry_base_seconds")
    return settings.JOB_RETRY_BASE_SECONDS if declared is None else declared


def retries_failures_of(name: str) -> bool:
    """Return whether a failed body of this task runs again without having asked for it. True for unknown names."""
    if name.startswith("celery.") and name not in _RUN_BODIES:
        return True  # Celery's own: they only pass results on, so what failed was the database.
    declared: bool | None = _declared(name, "retries_failures")
    return True if declared is None else declared


def ignores_result(name: str, said_by_caller: bool | None) -> bool:
    """Return whether a result is not stored: the caller's word, else the task's."""
    return bool(_declared(name, "ignore_result") if said_by_caller is None else said_by_caller)


def shows_started(name: str) -> bool:
    """Return whether a running job of this task is shown as STARTED, which Celery does where it was asked for."""
    shown: bool | None = _declared(name, "track_started")
    return bool(current_app.conf.task_track_started if shown is None else shown)


def rank_of(priority: int | None) -> int:
    """Return where a job of this priority stands in its queue: the lower number is published first.

    Celery's direction for the broker in use: on Redis and Valkey 0 goes first, on all others the highest number.
    Raises ValueError beyond Celery's range, 0 to 255.
    """
    if not priority:
        return 0
    if not 0 <= priority <= MAX_PRIORITY:
        raise ValueError(f"priority {priority}: 0 to {MAX_PRIORITY} are allowed")
    is_redis = str(current_app.conf.broker_url).startswith(("redis", "rediss", "sentinel", "valkey"))
    return priority if is_redis else -priority


def priority_of(rank: int) -> int:
    """Return the priority that was asked for by the caller of a job of this rank."""
    return abs(rank)


def some_jitter() -> float:
    """Return a share between 0 and JITTER."""
    return random.uniform(0, JITTER)  # noqa: S311 - spreads load, guards nothing


def _declared(name: str, option: str) -> Any:
    return getattr(current_app.tasks.get(name), option, None)
