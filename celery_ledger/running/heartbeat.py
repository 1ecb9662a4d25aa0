"""Keeps the leases of long jobs: one thread a worker process, with a database connection of its own.

Short jobs never hear of it: the thread looks once a second and leaves alone what is younger than that.
It is a thread of the process that runs the body, not of its parent: a frozen process must fall silent.
"""

import threading
import time
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.conf import settings
from django.db import Error, connection

from celery_ledger.current import CurrentJob
from celery_ledger.ledger import claims

log = structlog.get_logger(__name__)

#: How often cancel is looked for, and the age at which a job is first looked at; a short lease wants it oftener.
LOOK_SECONDS = 1.0


@dataclass
class _Watched:
    job: CurrentJob
    renewed_at: float


class Heartbeat(threading.Thread):
    """Watches the jobs that `watch` names: one in a process of a pool, several where the pool has threads."""

    def __init__(self) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._watched: dict[UUID, _Watched] = {}
        self._gone = threading.Event()

    def watch(self, job: CurrentJob) -> None:
        """Keep the lease of `job` from now on."""
        self._watched[job.token] = _Watched(job, time.monotonic())

    def forget(self, job: CurrentJob) -> None:
        """Keep the lease of `job` no more."""
        self._watched.pop(job.token, None)

    def run(self) -> None:
        """Look once a second, until told to end."""
        while not self._gone.wait(min(LOOK_SECONDS, settings.JOB_LEASE_SECONDS / 3)):
            for watched in list(self._watched.values()):
                if not watched.job.lease_lost:
                    self._look(watched)
        connection.close()

    def end(self) -> None:
        """Look no more, and give the connection back."""
        self._gone.set()
        self.join()

    def _look(self, watched: _Watched) -> None:
        try:
            self._ask(watched)
        except Error as error:
            connection.close()
            log.warning("heartbeat_failed", job_id=watched.job.id, reason=str(error))
            # Whoever can't reach the ledger for a whole lease must assume that the job went to another.
            watched.job.lease_lost = time.monotonic() - watched.renewed_at > settings.JOB_LEASE_SECONDS

    def _ask(self, watched: _Watched) -> None:
        job, lease_seconds, asked_at = watched.job, settings.JOB_LEASE_SECONDS, time.monotonic()
        # A third: a heartbeat may fail before the lease runs out.
        if asked_at - watched.renewed_at >= lease_seconds / 3:
            answer = claims.renew_lease(job.id, job.token, lease_seconds)
            # Not when the answer came: the lease counts from some moment before that.
            watched.renewed_at = asked_at
        else:
            answer = claims.look_at_lease(job.id, job.token)
        if job.token in self._watched:
            job.lease_lost = answer is None
            job.cancel_requested = bool(answer)


_heartbeat: Heartbeat | None = None
#: The threads of a pool may begin their first jobs at the same moment.
_starting = threading.Lock()


def of_this_process() -> Heartbeat:
    """Return the process's heartbeat thread, started at the first job: threads do not survive a fork."""
    global _heartbeat  # noqa: PLW0603 - one thread a process is the point
    with _starting:
        if _heartbeat is None or not _heartbeat.is_alive():
            _heartbeat = Heartbeat()
            _heartbeat.start()
        return _heartbeat
