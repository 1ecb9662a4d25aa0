"""Brings back what a dead worker held and what the broker lost; buries, with its reason, what nobody can run."""

from collections.abc import Iterable
from dataclasses import replace
from uuid import uuid4

import structlog
from django.conf import settings
from django.db import transaction

from celery_ledger import faultpoints
from celery_ledger.errors import Fate
from celery_ledger.ledger import claims, due_jobs, outages, rows, settlements
from celery_ledger.settling import judge, settle
from celery_ledger.settling.judge import Failure

log = structlog.get_logger(__name__)

BATCH = 100


def rescue() -> int:
    """Return jobs to their queues: lease expired, or published and never claimed. Returns how many."""
    republished = due_jobs.republish_unclaimed(settings.JOB_REPUBLISH_SECONDS, batch=BATCH)
    if republished:
        log.warning("jobs_republished", count=republished)
    _cancel_expired()
    return republished + _rescue_lost()


@transaction.atomic
def report_lost(job_id: str, worker: str, fate: Fate, reason: str) -> bool:
    """Settle the job of a pool process that its parent saw die, at once instead of after the lease.

    False where that process no longer holds it. Twice: the second report finds it settled.
    """
    held = settlements.lock_held_by(job_id, worker)
    if held is not None:
        _settle_or_set_aside(held, Failure(fate, "WorkerLost", reason))
    return held is not None


@transaction.atomic
def report_stopped(job_id: str, worker: str) -> bool:
    """Settle the job of a pool process that was killed because somebody revoked the job: it is cancelled.

    False where that process no longer holds it. Twice: the second report finds it settled.
    """
    held = settlements.lock_held_by(job_id, worker)
    if held is not None:
        settle.cancel(settle.Attempt.of(held))
        log.info("job_stopped", job_id=job_id, name=held.name)
    return held is not None


def refuse_unknown(job_id: str, worker: str, name: str) -> bool:
    """Charge an attempt to a job whose task `worker` does not have, and let it wait for its next one.

    While a release rolls out another worker may have the task; where none ever does, the job ends dead with this
    reason. False where the job is not waiting to be claimed.
    """
    reason = f"{worker} has no task {name!r}: renamed, removed, or of a newer release"
    return _refuse(job_id, worker, Failure(Fate.BUG, "NotRegistered", reason))


def refuse_unpublishable(job_id: str, reason: str) -> bool:
    """Bury a job whose message the broker will never take. False where it is not waiting to be claimed."""
    return _refuse(
        job_id, "relay", Failure(Fate.PERMANENT, "NotPublishable", f"no broker takes it: {reason}")
    )


@transaction.atomic
def refuse_stranded(known: Iterable[str]) -> None:
    """Bury jobs that have long been due in none of the queues `known` to this release.

    Not at once: while a release rolls out, a relay of the new one may have the queue.
    """
    for job_id, queue in due_jobs.take_stranded(known, settings.JOB_STRANDED_SECONDS, batch=BATCH):
        _refuse_stranded(job_id, queue)


def _refuse_stranded(job_id: str, queue: str) -> None:
    reason = f"no release that runs here has the queue {queue!r}"
    failure = Failure(Fate.PERMANENT, "NoSuchQueue", reason)
    error = outages.isolated(lambda: _refuse(job_id, "relay", failure))
    if error is not None:
        log.error("job_not_refused", job_id=job_id, reason=str(error), exc_info=error)


@transaction.atomic
def _refuse(job_id: str, by: str, failure: Failure) -> bool:
    """Settle a job that nobody can run as a failed attempt of whoever found that out."""
    claimed = claims.claim(job_id, uuid4(), by, settings.JOB_LEASE_SECONDS)
    if claimed is not None:
        settle.fail(settle.Attempt.of(claimed), failure)
        log.error("job_refused", job_id=job_id, name=claimed.name, by=by, reason=failure.message)
    return claimed is not None


@transaction.atomic
def _cancel_expired() -> None:
    expired = settlements.cancel_expired(batch=BATCH)
    settle.leave_out_what_follows(map(settle.Attempt.of, expired))
    for job in expired:
        log.info("job_expired", job_id=job.id, name=job.name)


@transaction.atomic
def _rescue_lost() -> int:
    lost = settlements.lock_lost(batch=BATCH)
    if lost:
        faultpoints.reach("rescue.locked")
    for held in lost:
        _settle_or_set_aside(held, Failure(Fate.LOST, "LeaseExpired", f"{held.worker} fell silent"))
    return len(lost)


def _settle_or_set_aside(held: rows.Held, failure: Failure) -> None:
    """Settle one lost job; one that can't be settled is dead with that reason, so that it stops no other job."""
    error = outages.isolated(lambda: _settle_lost(held, failure))
    if error is None:
        return
    found = judge.describe(error)
    reason = f"it could not be settled: {found.error_class}: {found.message}"
    log.error("job_set_aside", job_id=held.id, name=held.name, reason=reason, exc_info=error)
    attempt = settle.Attempt.of(held)
    why = replace(found, fate=Fate.SET_ASIDE, message=reason)
    if outages.isolated(lambda: settle.set_aside(attempt, why)) is not None:
        # Not even that can be written. Out of the way of the rescuer for a while, which looks at the oldest first.
        seconds = settings.JOB_STRANDED_SECONDS
        outages.isolated(lambda: claims.renew_lease(held.id, held.claim_token, seconds))


def _settle_lost(held: rows.Held, failure: Failure) -> None:
    attempt = settle.Attempt.of(held)
    if held.cancel_requested:
        settle.cancel(attempt)
        return
    verdict = settle.fail(attempt, failure)
    report = log.error if verdict.is_dead else log.warning
    report(
        "job_rescued",
        job_id=held.id,
        name=held.name,
        fate=failure.fate,
        reason=failure.message,
        dead=verdict.is_dead,
    )
