"""The way to ask for a job."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from celery import current_app
from django.db import transaction

from celery_ledger.asking import signatures
from celery_ledger.canvas import Signature
from celery_ledger.current import current_job
from celery_ledger.ledger import inserts

_COMPOUND = frozenset({"chain", "group", "chord"})


def enqueue(  # noqa: PLR0913 - what is asked for, and each option by name
    task: str | Signature,
    *args: Any,
    kwargs: dict[str, Any] | None = None,
    order_key: str | None = None,
    unique_key: str | None = None,
    share_key: str | None = None,
    delay_seconds: float = 0,
    run_at: datetime | None = None,
    priority: int | None = None,
    expires: float | datetime | None = None,
    apart: bool = False,
) -> str:
    """Write a job into the ledger, in the current transaction, and return its id.

    `task` is a name or a canvas, of which all jobs or none are written; the id is its last job's, a group's
    own. `unique_key`: one job with it is ever kept; a second call changes nothing and returns the first one's
    id. `order_key`: jobs of one key run one at a time, first asked for first. `run_at`, or so long a delay: not
    before, by the database's clock. `priority`: within the queue, in Celery's direction for the broker in use.
    `expires`: a job that has not begun so many seconds from now, or by that moment, is cancelled. All six are those
    of the job that a canvas begins with. `share_key`: beside jobs of other keys in its queue it waits for no more than
    its turn (`celery_ledger.publishing.shares`); all jobs of its family inherit it. `apart`, for a name: the job does
    not belong to the family of the job that enqueues it, and is left alone where that family is cancelled.
    Raises Undeclared for a name that nobody declared, TypeError for wrong arguments or a value that JSON
    would change.
    Twice: inside a job the id follows from the parent's id and the number of the call, so a repeated
    attempt asks for the same jobs again and nothing happens.
    """
    options: dict[str, Any] = {
        "order_key": order_key,
        "unique_key": unique_key,
        "share_key": share_key,
        "countdown": delay_seconds or None,
        "eta": run_at,
        "priority": priority,
        "expires": expires,
    }
    options = {name: value for name, value in options.items() if value is not None}
    if isinstance(task, Signature):
        if apart:
            raise TypeError("a canvas belongs to the family of the job that asks for it")
        job_id = _enqueue_canvas(task, args, kwargs, options)
    else:
        if apart:
            options |= _own_family(task)
        job_id = _enqueue_name(task, args, kwargs, options)
    is_written = unique_key is not None and not current_app.conf.task_always_eager
    return inserts.id_of_unique_key(unique_key) if unique_key and is_written else job_id


def _enqueue_name(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any] | None, options: dict[str, Any]
) -> str:
    if current_app.conf.task_always_eager:
        # Celery's users test with it: the body runs here and now, and no job is written.
        signatures.check_call(current_app, name, args, kwargs or {})
        return str(current_app.tasks[name].apply_async(args, kwargs, **options).id)
    return str(current_app.send_task(name, args=args, kwargs=kwargs, **options).id)


def _own_family(name: str) -> dict[str, str]:
    job = current_job()
    job_id = job.child_id(name) if job else str(uuid4())
    return {"task_id": job_id, "root_id": job_id}


def _enqueue_canvas(
    canvas: Signature, args: tuple[Any, ...], kwargs: dict[str, Any] | None, options: dict[str, Any]
) -> str:
    signatures.check_tree(current_app, canvas, gets_result=bool(args))
    first = signatures.first_jobs(canvas)
    if not first and canvas.subtask_type != "chord":
        raise TypeError(f"an empty {canvas.subtask_type} has no job to enqueue")
    if "unique_key" in options and len(first) != 1:
        raise TypeError("a canvas with a unique_key must begin with one job")
    job = current_job()
    fixed = signatures.with_fixed_ids(current_app, canvas, job.child_id("canvas") if job else str(uuid4()))
    if fixed.subtask_type in _COMPOUND and job is None:
        # Celery gives each part of a group a family of its own.
        options["root_id"] = signatures.first_jobs(fixed)[0]["options"]["task_id"] if first else None
    with transaction.atomic():
        return str(fixed.apply_async(args=args or None, kwargs=kwargs, **options).id)
