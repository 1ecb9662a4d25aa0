"""Makes any task class one whose runs are jobs, whatever base a project declares its tasks with."""

from functools import cache
from typing import Any

from celery import Task

from celery_ledger.running import delivery
from celery_ledger.running.task import JobTask


class JobEntry:
    """Stands first among the classes of a registered task: takes the job before Celery's tracer, settles inside it."""

    # Whatever a project's base says: it carries the ledger's promises.
    Request = "celery_ledger.running.request:JobRequest"

    _tracer: Any = None
    _has_own_call = False

    @property
    def __trace__(self) -> Any:
        """Celery's tracer of this task, to be called with the job's own arguments."""
        return self._tracer

    @__trace__.setter
    def __trace__(self, tracer: Any) -> None:
        self._tracer = tracer and delivery.tracer_of_jobs(self, tracer)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run and settle the job that was delivered; called any other way, run the body alone."""
        call = super().__call__  # type: ignore[misc]  # the task's own class follows
        delivered = delivery.begin(self)
        if delivered is None:
            return call(*args, **kwargs)
        # Task.__call__ would begin a request of its own, without the job's id.
        body = call if self._has_own_call else self.run  # type: ignore[attr-defined]  # as above
        return delivered.attempt(lambda: body(*args, **kwargs))


def job_class(base: Any) -> Any:
    """Return the class of a task declared with `base`: its own attributes and methods win, the ledger runs it."""
    return _job_class(base)


@cache
def _job_class(base: type) -> type:
    if issubclass(base, JobEntry):
        return base
    if issubclass(JobTask, base):
        base = JobTask  # Celery's own Task, which stands behind it.
    parents = (JobEntry, base) if issubclass(base, JobTask) else (JobEntry, base, JobTask)
    own_call = any("__call__" in vars(kind) for kind in base.__mro__ if kind not in Task.__mro__)
    attributes = {
        "__module__": base.__module__, "__doc__": base.__doc__, "abstract": True, "_has_own_call": own_call,
    }  # fmt: skip
    return type(base.__name__, parents, attributes)
