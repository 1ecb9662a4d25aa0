"""The worker's parent renews the lease of a job whose process cannot do it itself.

A body that holds Python's global lock stops the heartbeat thread of its process (`celery_ledger.running.heartbeat`),
and after a lease the job would run a second time beside the first. The parent sees that the process lives, and its
time limit ends it. A stopped process must lose its job: what is stopped may never go on. So the parent asks the
kernel for its state.
"""

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import structlog
from celery import bootsteps
from celery.worker import state
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from celery_ledger.ledger import claims, outages
from celery_ledger.running import pools

log = structlog.get_logger(__name__)

#: Over its hard time limit the pool kills the process. A pool that does not is not waited for.
MARGIN_SECONDS = 10.0
#: The parent does nothing else while it waits for the database. libpq waits two seconds at least.
CONNECT_SECONDS = 2
STATEMENT_SECONDS = 1
#: States of a process that runs or waits, as in proc(5). The others: stopped, traced, ended.
_ALIVE = frozenset("RSDI")


class ParentLeaseStep(bootsteps.StartStopStep):
    """Looks after the running jobs of a worker with processes; another pool runs them in the worker itself."""

    requires = ("celery.worker.components:Timer", "celery.worker.components:Pool")

    def __init__(self, worker: Any, **_options: Any) -> None:
        self._timer: Any = None
        super().__init__(worker)

    def start(self, worker: Any) -> None:
        """Look four times a lease. A process renews after a third: half a lease without that is one that cannot."""
        if pools.can_kill(worker.pool):
            pause = settings.JOB_LEASE_SECONDS / 4
            self._timer = worker.timer.call_repeatedly(pause, renew_leases)

    def stop(self, worker: Any) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    terminate = stop  # type: ignore[assignment]  # the same but for a parameter's name


def renew_leases() -> None:
    """Renew the lease of each running job that its process has left unrenewed for half a lease, though it lives."""
    held = [
        (request.id, f"{request.hostname}/{request.worker_pid}")
        for request in list(state.active_requests)
        if _is_to_be_renewed(request)
    ]
    if held:
        _renew(held)


def is_alive(pid: int, parent: int) -> bool:
    """Return whether the process, a child of `parent`, runs or waits: neither ended nor stopped.

    False where the system has no proc(5): its workers rely on the heartbeat of the process alone.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    process_state, process_parent = stat.rpartition(")")[2].split()[:2]
    return process_state in _ALIVE and int(process_parent) == parent


def _is_to_be_renewed(request: Any) -> bool:
    if not request.worker_pid or not request.time_start:
        return False
    seconds, hard_seconds = time.time() - request.time_start, request.time_limits[0]
    if seconds < settings.JOB_LEASE_SECONDS / 4:
        return False  # Its claim is younger than half a lease. Short jobs never make the parent ask.
    if hard_seconds and seconds > hard_seconds + MARGIN_SECONDS:
        return False
    return is_alive(request.worker_pid, os.getpid())


def _renew(held: Iterable[tuple[str, str]]) -> None:
    connection = _short_connection()
    renewed: list[str] = []

    def renew() -> None:
        renewed.extend(
            claims.renew_silent(connection, held, settings.JOB_LEASE_SECONDS, seconds=STATEMENT_SECONDS)
        )

    try:
        error = outages.failure_of(renew)
    finally:
        # A connection left open here would be shared by every pool process forked later.
        connection.close()
    if error is not None:
        unexpected = None if outages.is_outage(error) else error
        log.warning("parent_renewal_failed", reason=str(error), exc_info=unexpected)
    elif renewed:
        log.warning("lease_renewed_by_parent", job_ids=renewed)


def _short_connection() -> BaseDatabaseWrapper:
    connection = connections[DEFAULT_DB_ALIAS].copy()
    options = connection.settings_dict["OPTIONS"]
    limits = {"connect_timeout": CONNECT_SECONDS, "tcp_user_timeout": CONNECT_SECONDS * 1000}
    connection.settings_dict["OPTIONS"] = {**options, **limits, "pool": False}
    return connection
