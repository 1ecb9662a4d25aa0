"""What the worker's parent process sees of its pool: a child that dies, a time limit, a stop.

Celery's parent would report to the result backend; here it tells the ledger, at once instead of after the lease.
"""

from collections.abc import Callable
from typing import Any

import structlog
from billiard.exceptions import WorkerLostError
from celery import signals
from celery.worker import state
from celery.worker.request import Request
from django.db import connections

from celery_ledger.errors import Fate
from celery_ledger.ledger import claims, outages
from celery_ledger.running import pools
from celery_ledger.settling import rescue

log = structlog.get_logger(__name__)


class JobRequest(Request):
    """A delivered wake-up in the worker's parent process."""

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """Settle the job whose process was killed at its hard time limit."""
        super().on_timeout(soft, timeout)
        if not soft:
            self._report(
                lambda worker: rescue.report_lost(
                    self.id, worker, Fate.TIMEOUT, f"over its hard time limit of {timeout} s"
                )
            )

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> None:
        """Settle the job whose process died under it, or found no memory before it came to settle."""
        error = getattr(exc_info.exception, "exc", exc_info.exception)
        if isinstance(error, MemoryError):
            # Celery takes it for this process's own, and ends the whole worker. It was one of the pool's.
            exc_info.exception = RuntimeError(f"no memory left: {error!r}")
        super().on_failure(exc_info, send_failed_event=send_failed_event, return_ok=return_ok)
        if isinstance(error, WorkerLostError | SystemExit | MemoryError) and not state.should_terminate:
            self._report(lambda worker: rescue.report_lost(self.id, worker, Fate.LOST, str(error)))

    def terminate(self, pool: Any, signal: Any = None) -> None:
        """Settle the job as cancelled when somebody revokes it with `terminate`: its process is killed."""
        if not pools.can_kill(pool):
            # Its body learns of it by `checkpoint()`, as with a revoke that does not terminate.
            self._announce_revoked("revoked", False, None, False)  # type: ignore[attr-defined]  # no types
            return
        super().terminate(pool, signal=signal)
        if self.time_start:
            self._report(lambda worker: rescue.report_stopped(self.id, worker))

    def info(self, safe: bool = False) -> Any:
        """Return what `inspect active` shows: the arguments as the caller's message describes them.

        The message that came from the broker has none.
        """
        return super().info(safe=True)

    def cancel(self, pool: Any, signal: Any = None, emit_retry: bool = True) -> None:
        """Hand the job back when the worker stops before it is done; it costs no attempt."""
        if pools.can_kill(pool):
            super().cancel(pool, signal=signal, emit_retry=emit_retry)
        else:
            pools.interrupt_body(pool)
            pools.note_running_on(self.id)
        self._report(lambda worker: claims.hand_back(self.id, worker))

    def _report(self, tell: Callable[[str], bool]) -> None:
        if self.worker_pid:
            _tell_ledger(self.id, lambda: tell(f"{self.hostname}/{self.worker_pid}"))


@signals.task_unknown.connect
def refuse_unknown(sender: Any, id: str, name: str, **_event: Any) -> None:  # noqa: A002 - Celery's own name
    """Tell the ledger of a job that this worker has no task for; Celery would drop it without a word to anybody."""
    _tell_ledger(id, lambda: rescue.refuse_unknown(id, sender.hostname, name))


def _tell_ledger(job_id: str, tell: Callable[[], bool]) -> None:
    try:
        error = outages.failure_of(tell)
        if error is not None:
            # The lease brings the job back. An error here would end the parent, and every job with it.
            unexpected = None if outages.is_outage(error) else error
            log.warning("report_to_ledger_failed", job_id=job_id, reason=str(error), exc_info=unexpected)
    finally:
        # A connection left open here would be shared by every pool process forked later.
        connections.close_all()
