"""A job's row as the result of a Django task."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from celery_ledger.django_tasks import declared
from celery_ledger.django_tasks.interface import (
    AnyResult,
    TaskError,
    TaskResult,
    TaskResultDoesNotExist,
    TaskResultStatus,
)
from celery_ledger.django_tasks.mark import Mark
from celery_ledger.errors import Cancelled, Fate, Undeclared
from celery_ledger.models import Job, JobError
from celery_ledger.states import JobState
from celery_ledger.values import wire

STATUS: Mapping[str, TaskResultStatus] = {
    JobState.SCHEDULED: TaskResultStatus.READY,
    JobState.QUEUED: TaskResultStatus.READY,
    JobState.RETRYING: TaskResultStatus.READY,
    JobState.RUNNING: TaskResultStatus.RUNNING,
    JobState.SUCCEEDED: TaskResultStatus.SUCCESSFUL,
    JobState.DEAD: TaskResultStatus.FAILED,
    JobState.CANCELLED: TaskResultStatus.FAILED,
}

#: What stands for a failure that the ledger, not the function, has noticed: a dead worker, a time limit.
_NOTICED: Mapping[str, str] = {
    Fate.LOST: "billiard.exceptions.WorkerLostError",
    Fate.TIMEOUT: "billiard.exceptions.TimeLimitExceeded",
}


def of(result_id: str) -> AnyResult:
    """Return the result of a job. Raises TaskResultDoesNotExist where no Django task has this id, or its task is gone.

    One query; a second one where an attempt has failed.
    """
    job, mark = _find(result_id)
    try:
        task = declared.task_at(job.name)
    except Undeclared as error:
        raise TaskResultDoesNotExist(f"{result_id}: {error}") from error
    failures = _failures_of(job)
    result: AnyResult = TaskResult(
        task=declared.as_enqueued(
            task,
            priority=mark.priority,
            queue_name=job.queue,
            run_after=mark.run_after,
            backend=mark.backend,
        ),
        id=str(job.pk),
        status=STATUS[job.state],
        enqueued_at=mark.enqueued_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        last_attempted_at=job.started_at,
        args=job.args,
        kwargs=job.kwargs,
        backend=mark.backend,
        errors=[*map(_error_of, failures), *_cancellation_of(job)],
        worker_ids=_workers_of(job, failures),
    )
    if job.state == JobState.SUCCEEDED:
        object.__setattr__(result, "_return_value", wire.from_json(job.result))
    return result


def _find(result_id: str) -> tuple[Job, Mark]:
    try:
        job = Job.objects.filter(pk=UUID(str(result_id))).first()
    except ValueError:
        job = None
    mark = Mark.of(job.headers) if job is not None else None
    if job is None or mark is None:
        raise TaskResultDoesNotExist(result_id)
    return job, mark


def _failures_of(job: Job) -> Sequence[JobError]:
    unfailed = 1 if job.state in (JobState.RUNNING, JobState.SUCCEEDED) else 0
    return list(job.failures.all()) if job.attempts > unfailed else []


def _error_of(failure: JobError) -> TaskError:
    path = f"{failure.error_module}.{failure.error_class}"
    if not failure.error_module:
        path = _NOTICED.get(failure.fate, "builtins.RuntimeError")
    return TaskError(
        exception_class_path=path,
        traceback=failure.traceback or f"{failure.error_class}: {failure.message}",
    )


def _cancellation_of(job: Job) -> Sequence[TaskError]:
    if job.state != JobState.CANCELLED:
        return []
    path = f"{Cancelled.__module__}.{Cancelled.__qualname__}"
    return [TaskError(exception_class_path=path, traceback=job.error or "The job was cancelled.")]


def _workers_of(job: Job, failures: Sequence[JobError]) -> list[str]:
    """Return the worker of each attempt: those that failed have told theirs, the row has that of the last."""
    failed = {failure.attempt: failure.worker for failure in failures}
    return [failed.get(number, job.worker) for number in range(1, job.attempts + 1)]
