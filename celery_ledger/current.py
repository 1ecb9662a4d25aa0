"""The job that this thread is running, and how it learns that it should stop."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from celery_ledger.errors import Cancelled, LeaseLost


@dataclass(frozen=True)
class AskedRetry:
    """The next attempt as a body asked for it; None leaves a value as it is."""

    delay_seconds: float = 0.0
    run_at: str | None = None
    queue: str | None = None
    args: list[Any] | None = None
    kwargs: dict[str, Any] | None = None
    headers: dict[str, Any] | None = None


@dataclass
class CurrentJob:
    """One claimed attempt. The heartbeat thread writes the two flags, the body reads them."""

    id: str
    name: str
    queue: str
    attempt: int
    max_attempts: int
    root_id: str
    request_id: str | None
    token: UUID
    cancel_requested: bool = False
    lease_lost: bool = False
    replaced: bool = False
    is_ignored: bool = False
    #: How often the job has been retried, as `self.request.retries` counts it, and how often its body asked for that.
    retries: int = 0
    asked_retries: int = 0
    #: What `self.retry()` has asked for in this attempt.
    retry_asked: AskedRetry | None = None
    _calls: Iterator[int] = field(default_factory=count)

    def child_id(self, name: str) -> str:
        """Return the id of the next job that this one asks for: the same one when the attempt is repeated.

        An attempt that the body itself asked for is not a repeated one: what it asks for is asked for anew.
        """
        attempt = f"retry {self.asked_retries}/" if self.asked_retries else ""
        return str(uuid5(NAMESPACE_OID, f"{self.id}/{attempt}{next(self._calls)}/{name}"))


_current: ContextVar[CurrentJob | None] = ContextVar("current_job", default=None)


def current_job() -> CurrentJob | None:
    """Return the job that is running here, None outside any."""
    return _current.get()


@contextmanager
def running(job: CurrentJob) -> Iterator[CurrentJob]:
    """Make `job` the current one for the block."""
    token = _current.set(job)
    try:
        yield job
    finally:
        _current.reset(token)


def checkpoint() -> None:
    """Raise Cancelled or LeaseLost where this attempt should stop. Cheap; long work calls it every second."""
    job = _current.get()
    if job is None:
        return
    if job.lease_lost:
        raise LeaseLost(job.id)
    if job.cancel_requested:
        raise Cancelled(job.id)
