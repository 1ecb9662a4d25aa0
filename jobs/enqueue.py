"""The way to ask for a job."""

import json
from datetime import timedelta
from typing import Any

from celery import current_app
from django.utils import timezone

from jobs import queries
from jobs.canvas import Signature


def enqueue(
    task: str | Signature,
    *args: Any,
    kwargs: dict[str, Any] | None = None,
    order_key: str | None = None,
    unique_key: str | None = None,
    delay_seconds: float = 0,
) -> str:
    """Write a job into the ledger, in the current transaction, and return its id.

    `task` is a name or a canvas. `unique_key`: one job with it is ever kept; a second call changes nothing
    and returns the first one's id. `order_key`: jobs of one key run one at a time, first asked for first.
    Raises Undeclared for a name that nobody declared, TypeError for wrong arguments or a value that JSON
    would change.
    Twice: inside a job the id follows from the parent's id and the number of the call, so a repeated
    attempt asks for the same job again and nothing happens.
    """
    options: dict[str, Any] = {"order_key": order_key, "unique_key": unique_key}
    if delay_seconds:
        options["run_at"] = timezone.now() + timedelta(seconds=delay_seconds)
    options = {name: value for name, value in options.items() if value is not None}
    if isinstance(task, Signature):
        result = task.apply_async(args=args or None, kwargs=kwargs, **options)
    else:
        _refuse_what_json_changes(task, list(args), kwargs or {})
        result = current_app.send_task(task, args=args, kwargs=kwargs, **options)
    if unique_key is not None:
        return queries.id_of_unique_key(unique_key)
    return str(result.id)


def _refuse_what_json_changes(name: str, args: list[Any], kwargs: dict[str, Any]) -> None:
    # A tuple would reach the body as a list, an integer key as a string: better here than there.
    if json.loads(json.dumps([args, kwargs])) != [args, kwargs]:
        raise TypeError(
            f"{name}: arguments must equal their own JSON (str, int, float, bool, None, list, dict)"
        )
