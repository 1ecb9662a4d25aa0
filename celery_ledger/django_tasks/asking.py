"""Enqueueing a Django task: one row, which bears the path of the function as its name."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from celery import current_app
from celery.exceptions import QueueNotFound
from django.utils import timezone

from celery_ledger.current import current_job
from celery_ledger.django_tasks import declared, running
from celery_ledger.django_tasks.interface import (
    AnyResult,
    AnyTask,
    InvalidTask,
    TaskResult,
    TaskResultStatus,
    normalize_json,
)
from celery_ledger.django_tasks.mark import HEADER, Mark
from celery_ledger.django_tasks.options import Options
from celery_ledger.values import wire


def enqueue(task: AnyTask, args: Sequence[Any], kwargs: Mapping[str, Any], options: Options) -> AnyResult:
    """Write the job into the ledger, in the current transaction, and return its result, which is not there yet."""
    declared.check_is_found(task)
    declared.check_call(task, args, kwargs)
    written_args, written_kwargs = _as_written(task.module_path, args, kwargs)
    mark = Mark(task.backend, int(task.priority), timezone.now(), task.run_after)
    job_id = _write(task, written_args, written_kwargs, mark, options)
    return TaskResult(
        task=task,
        id=job_id,
        status=TaskResultStatus.READY,
        enqueued_at=mark.enqueued_at,
        started_at=None,
        finished_at=None,
        last_attempted_at=None,
        args=written_args,
        kwargs=written_kwargs,
        backend=task.backend,
        errors=[],
        worker_ids=[],
    )


def _write(task: AnyTask, args: list[Any], kwargs: dict[str, Any], mark: Mark, options: Options) -> str:
    path, job = task.module_path, current_job()
    try:
        sent = current_app.send_task(
            running.NAME,
            args,
            kwargs,
            task_id=job.child_id(path) if job else None,
            queue=task.queue_name,
            eta=_aware(task.run_after),
            # What Celery shows in logs, events and monitors.
            shadow=path,
            job_name=path,
            # In the ledger the lower number goes first, in Django the higher one.
            rank=-mark.priority,
            max_attempts=options.max_attempts,
            soft_time_limit=options.soft_seconds,
            time_limit=options.hard_seconds,
            headers={HEADER: mark.as_json()},
        )
    except QueueNotFound as error:
        raise InvalidTask(error.args[0]) from error
    return str(sent.id)


def _as_written(
    path: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments as the function will get them. Raises TypeError for what Django's tasks do not take."""
    text = wire.dumps([normalize_json(args), normalize_json(kwargs)])
    plain = json.loads(text)
    if wire.loads(text) != plain:
        raise wire.Unwritable(
            f"{path}: an argument has the keys __type__ and __value__, which mark other types"
        )
    return plain[0], plain[1]


def _aware(moment: datetime | None) -> datetime | None:
    # Naive only where `USE_TZ` is off, and then in Django's time zone, which may not be Celery's.
    return timezone.make_aware(moment) if moment is not None and timezone.is_naive(moment) else moment
