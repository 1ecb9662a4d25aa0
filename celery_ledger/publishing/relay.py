"""The relay: publishes due jobs, wakes on commit, rescues what was lost.

Any number may run, on any machine: rows are taken with `skip locked`. It is a process of its own and not a
thread of the worker: threads and connections in a parent are hazards to every process forked later.
"""

import time
from collections.abc import Callable

import structlog
from celery import Celery
from django.conf import settings
from django.db import connection

from celery_ledger import faultpoints
from celery_ledger.ledger import due_jobs, outages
from celery_ledger.publishing import shares
from celery_ledger.publishing.publisher import BrokerAway, Publisher
from celery_ledger.settling.rescue import refuse_stranded, refuse_unpublishable, rescue

log = structlog.get_logger(__name__)

BATCH = 200
#: The longest pause after a broker or database that does not answer.
MAX_PAUSE_SECONDS = 5.0


class Relay:
    """One relay. `run` returns when `should_stop` says so, within a poll."""

    def __init__(self, app: Celery, should_stop: Callable[[], bool]) -> None:
        self._app = app
        self._queues = known_queues(app)
        self._publisher = Publisher(app)
        self._should_stop = should_stop
        self._failures = 0
        self._rescue_at = 0.0

    def run(self) -> None:
        """Publish and rescue until told to stop."""
        log.info("relay_started", queues=self._queues)
        while not self._should_stop():
            error = outages.failure_of(self._turn)
            if error is not None:
                self._recover(error)
        self._publisher.close()
        log.info("relay_stopped")

    def _turn(self) -> None:
        if connection.connection is None:
            self._listen()
        if time.monotonic() >= self._rescue_at:
            self._queues = known_queues(self._app)
            self._rescue()
            self._rescue_at = time.monotonic() + settings.JOB_POLL_SECONDS
        if publish_due(self._queues, self._publisher) < BATCH:
            wait_for_commit(due_jobs.next_due_seconds(self._queues, limit=settings.JOB_POLL_SECONDS))
        self._failures = 0

    def _rescue(self) -> None:
        for work in (rescue, lambda: refuse_stranded(self._queues)):
            error = outages.failure_of(work)
            if error is None:
                continue
            if outages.is_outage(error) or outages.is_unmigrated(error):
                raise error
            # What is due must go out all the same.
            log.error("rescue_failed", reason=str(error), exc_info=error)

    def _recover(self, error: Exception) -> None:
        """Wait, and go on: a relay that ends because of one error would meet it again after each start."""
        if isinstance(error, BrokerAway):
            self._pause("broker", str(error))
            return
        connection.close()
        if outages.is_outage(error):
            self._pause("database", str(error))
        elif outages.is_unmigrated(error):
            self._pause("migrations", str(error))
        else:
            log.error("relay_failed", reason=str(error), exc_info=error)
            self._pause("nothing", str(error))

    def _listen(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"listen {due_jobs.CHANNEL}")
        # After an outage of the database every lease may have run out: their holders are to renew first.
        self._rescue_at = time.monotonic() + settings.JOB_LEASE_SECONDS / 3

    def _pause(self, what: str, reason: str) -> None:
        self._failures += 1
        seconds = min(MAX_PAUSE_SECONDS, 0.1 * 2**self._failures)
        log.warning("relay_paused", waits_for=what, reason=reason, seconds=seconds)
        _sleep_unless(self._should_stop, seconds)


def known_queues(app: Celery) -> list[str]:
    """Return the queues to publish to: those declared, and where Celery would create missing ones, those asked for."""
    missing = due_jobs.waiting_queues() if app.conf.task_create_missing_queues else []
    return sorted({*app.amqp.queues, *missing})


def publish_due(queues: list[str], publisher: Publisher) -> int:
    """Publish one batch of due jobs of each queue and return how many; what can't be published ends dead.

    Raises BrokerAway with the rest put back.
    """
    jobs = due_jobs.take_due(queues, batch=BATCH, in_flight=settings.JOB_MAX_IN_FLIGHT)
    jobs += shares.take_shared(
        queues,
        batch=BATCH,
        in_flight=settings.JOB_MAX_IN_FLIGHT,
        share_in_flight=settings.JOB_SHARE_IN_FLIGHT,
    )
    if jobs:
        faultpoints.reach("relay.taken")
    try:
        refused = publisher.publish(jobs)
    except BrokerAway as away:
        due_jobs.unmark_published(away.untaken)
        raise
    for message in refused:
        refuse_unpublishable(message.id, message.reason)
    if jobs:
        log.debug("jobs_published", count=len(jobs))
    return len(jobs)


def wait_for_commit(seconds: float) -> None:
    """Return when a commit brought due jobs, or after so many seconds."""
    for _notification in connection.connection.notifies(timeout=seconds, stop_after=1):
        return


def _sleep_unless(should_stop: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not should_stop():
        time.sleep(0.1)  # noqa: TID251 - a process of its own that waits for an outage to end
