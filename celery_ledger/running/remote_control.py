"""Commands of remote control that Celery answers with success though they have no effect. Seen with celery 5.7.0."""

from typing import Any

from celery.worker.control import Panel

TIME_LIMITS_REFUSED = (
    "time limits travel with each job: declare them with the task,"
    " or give time_limit and soft_time_limit with the call"
)


def refuse_what_has_no_effect() -> None:
    """Let a worker refuse `control.time_limit()`.

    The limits of a task go into each message, where they win over those of the worker; and a worker goes on with those
    that its tasks had when it connected.
    """
    Panel.data["time_limit"] = _refuse_time_limit


def _refuse_time_limit(_state: Any, **_arguments: Any) -> dict[str, str]:
    return {"error": TIME_LIMITS_REFUSED}
