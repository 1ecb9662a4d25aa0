"""Brings back what a dead worker held and what the broker lost."""

from uuid import uuid4

import structlog
from django.conf import settings
from django.db import transaction

from jobs import faultpoints, queries, settle
from jobs.judge import Failure, Fate

log = structlog.get_logger(__name__)

BATCH = 100


def rescue() -> int:
    """Return jobs to their queues: lease expired, or published and never claimed. Returns how many."""
    republished = queries.republish_unclaimed(settings.JOB_REPUBLISH_SECONDS, batch=BATCH)
    if republished:
        log.warning("jobs_republished", count=republished)
    return republished + _rescue_lost()


@transaction.atomic
def report_lost(job_id: str, worker: str, fate: Fate, reason: str) -> bool:
    """Settle the job of a pool process that its parent saw die, at once instead of after the lease.

    False where that process no longer holds it. Twice: the second report finds it settled.
    """
    held = queries.lock_held_by(job_id, worker)
    if held is not None:
        _settle_lost(held, Failure(fate, "WorkerLost", reason))
    return held is not None


@transaction.atomic
def refuse_unknown(job_id: str, worker: str, name: str) -> bool:
    """Charge an attempt to a job whose task `worker` does not have, and let it wait for its next one.

    While a release rolls out another worker may have the task; where none ever does, the job ends dead with this
    reason. False where the job is not waiting to be claimed.
    """
    claimed = queries.claim(job_id, uuid4(), worker, settings.JOB_LEASE_SECONDS)
    if claimed is not None:
        reason = f"{worker} has no task {name!r}: renamed, removed, or of a newer release"
        settle.fail(settle.Attempt.of(claimed), Failure(Fate.BUG, "NotRegistered", reason))
        log.error("task_unknown", job_id=job_id, name=name, worker=worker)
    return claimed is not None


@transaction.atomic
def _rescue_lost() -> int:
    lost = queries.lock_lost(batch=BATCH)
    if lost:
        faultpoints.reach("rescue.locked")
    for held in lost:
        _settle_lost(held, Failure(Fate.LOST, "LeaseExpired", f"{held.worker} fell silent"))
    return len(lost)


def _settle_lost(held: queries.Held, failure: Failure) -> None:
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
