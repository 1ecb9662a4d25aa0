"""The one Celery task that runs the functions of Django's tasks; the name of the job says which."""

from contextvars import ContextVar
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

import structlog
from celery import Task as CeleryTask
from celery import shared_task

from celery_ledger.current import current_job
from celery_ledger.django_tasks import coroutines, declared
from celery_ledger.django_tasks.interface import (
    AnyResult,
    TaskContext,
    task_backends,
    task_finished,
    task_started,
)
from celery_ledger.errors import LedgerError, Permanent, Undeclared
from celery_ledger.ledger import outages
from celery_ledger.values import wire

NAME = "celery_ledger.django_tasks.run"

log = structlog.get_logger(__name__)

#: The job whose function this thread has begun last.
_begun: ContextVar[str | None] = ContextVar("begun", default=None)


class ReturnValueUnwritable(Permanent, TypeError):
    """A function returned what no JSON can hold. Django's tasks fail over it; running it again would not help."""


class FunctionTask(CeleryTask):  # type: ignore[type-arg]  # generic in celery-types alone
    """Tells the receivers of `task_finished` when the job is settled."""

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        """Tell of a success."""
        _try_to_announce_end(task_id)

    def on_failure(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Tell of a failure after the last attempt."""
        _try_to_announce_end(task_id)


@shared_task(name=NAME, base=FunctionTask, retries_failures=True)
def run(*args: Any, **kwargs: Any) -> Any:
    """Run the function whose path is the name of the current job."""
    from celery_ledger.django_tasks import results  # noqa: PLC0415 - imports models, and this module is imported before them

    job = current_job()
    if job is None:
        raise LedgerError(f"{NAME} runs as a job only: enqueue the task whose function you want to run")
    declared.task_at(job.name)  # In front of the result, for which a missing task is a missing result.
    result = results.of(job.id)
    backend = _backend_of(result)
    _begun.set(job.id)
    task_started.send_robust(backend, task_result=result)
    call = (
        partial(coroutines.call, result.task) if iscoroutinefunction(result.task.func) else result.task.call
    )
    return _written(call(*_context_for(result), *args, **kwargs))


def _backend_of(result: AnyResult) -> type:
    """Return the class of the backend that the task was enqueued with. Raises Undeclared for a backend of others."""
    from celery_ledger.django_tasks.backend import LedgerBackend  # noqa: PLC0415 - its module imports this one

    backend = type(task_backends[result.backend])
    if not issubclass(backend, LedgerBackend):
        raise Undeclared(
            f"TASKS[{result.backend!r}] is not a LedgerBackend; {result.task.module_path} is not run"
        )
    return backend


def _context_for(result: AnyResult) -> tuple[TaskContext, ...]:
    return (TaskContext(task_result=result),) if result.task.takes_context else ()


def _written(value: Any) -> Any:
    try:
        wire.dumps(value)
    except wire.Unwritable as error:
        raise ReturnValueUnwritable(f"the return value cannot be written as JSON: {error}") from error
    return value


def _try_to_announce_end(job_id: str) -> None:
    # The job is settled: an error here must not look like one of the function.
    error = outages.failure_of(lambda: _announce_end(job_id))
    if error is not None:
        log.warning("task_end_unannounced", job_id=job_id, reason=str(error))


def _announce_end(job_id: str) -> None:
    """Send `task_finished` where this process ran the job and nothing comes after."""
    from celery_ledger.django_tasks import results  # noqa: PLC0415 - as above

    # Celery calls the hooks in the worker's parent as well, for a process that it killed: before the job is settled.
    if _begun.get() != job_id:
        return
    result = results.of(job_id)
    if result.is_finished:
        task_finished.send_robust(_backend_of(result), task_result=result)
