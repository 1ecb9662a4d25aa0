"""The job that this thread is running, and how it learns that it should stop."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import count
from uuid import NAMESPACE_OID, UUID, uuid5

from jobs.errors import Cancelled, LeaseLost


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
    _calls: Iterator[int] = field(default_factory=count)

    def child_id(self, name: str) -> str:
        """Return the id of the next job that this one asks for: the same one when the attempt is repeated."""
        return str(uuid5(NAMESPACE_OID, f"{self.id}/{next(self._calls)}/{name}"))


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
