"""`@job`: the one line on which a task says how it runs."""

from collections.abc import Callable
from typing import Any

from celery import shared_task


def job(  # noqa: PLR0913 - one line that says it all, each option by name
    name: str,
    *,
    queue: str,
    soft_seconds: int,
    hard_seconds: int,
    limit: str | None = None,
    atomic: bool = False,
    max_attempts: int | None = None,
    retry_base_seconds: float | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a function as the task `name`. A misspelt option is Python's own TypeError at the import line.

    `limit`: name of a rate limit in `settings.JOB_RATE_LIMITS`, of which each run takes one use for as long as
    its body takes, and a period more. `atomic`: the body and its settling
    commit in one transaction, so that an effect in the database happens exactly once; not for bodies
    that speak to the outside. `max_attempts`, `retry_base_seconds`: None takes the settings' values.
    """
    if soft_seconds >= hard_seconds:
        raise ValueError(f"{name}: soft_seconds must lie below hard_seconds, so that the body can clean up")

    def declare(body: Callable[..., Any]) -> Callable[..., Any]:
        task: Callable[..., Any] = shared_task(  # type: ignore[call-overload]  # options of JobTask
            name=name,
            job_queue=queue,
            soft_time_limit=soft_seconds,
            time_limit=hard_seconds,
            rate_limit_name=limit,
            atomic=atomic,
            retries_failures=True,
            job_max_attempts=max_attempts,
            job_retry_base_seconds=retry_base_seconds,
        )(body)
        return task

    return declare
