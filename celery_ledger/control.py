"""What a person may do to jobs: retry and cancel, one or many. API, admin and `manage.py jobs` all call these."""

from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Now

from celery_ledger.asking import policy
from celery_ledger.ledger import settlements, wakeup
from celery_ledger.models import Job
from celery_ledger.settling import settle
from celery_ledger.states import MOVES, UNFINISHED, WAITING, JobState

log = structlog.get_logger(__name__)

_RETRYABLE = tuple(
    state for state, moves in MOVES.items() if "control.retry" in moves.get(JobState.QUEUED, "")
)


def retry(job_id: str | UUID) -> bool:
    """Queue a dead or cancelled job again, with its attempts anew. False where it is neither."""
    return _retry(Job.objects.filter(pk=job_id)) == 1


def retry_tree(root_id: str | UUID) -> int:
    """Queue every dead job of a family again; returns how many."""
    return _retry(Job.objects.filter(root_id=root_id, state=JobState.DEAD))


def retry_all(state: str = JobState.DEAD, name: str | None = None) -> int:
    """Queue every job of a state (dead or cancelled), and of a name where given; returns how many."""
    jobs = Job.objects.filter(state=state)
    return _retry(jobs.filter(name=name) if name else jobs)


def cancel(job_id: str | UUID) -> bool:
    """Cancel a waiting job, or ask a running one to stop. False where it is finished."""
    return _cancel(Job.objects.filter(pk=job_id)) == 1


def cancel_tree(root_id: str | UUID) -> int:
    """Cancel every unfinished job of a family; returns how many."""
    return _cancel(Job.objects.filter(root_id=root_id))


@transaction.atomic
def _retry(jobs: QuerySet[Job]) -> int:
    retryable = jobs.filter(state__in=_RETRYABLE).order_by()
    names = list(retryable.values_list("name", flat=True).distinct())
    count = sum(
        retryable.filter(name=name).update(
            state=JobState.QUEUED,
            run_at=Now(),
            published_at=None,
            publications=0,
            finished_at=None,
            cancel_requested_at=None,
            expires_at=None,
            attempts_before=F("attempts"),
            max_attempts=F("attempts") + policy.max_attempts_of(name),
        )
        for name in names
    )
    wakeup.wake_relays()
    log.info("jobs_retried_by_hand", count=count)
    return count


@transaction.atomic
def _cancel(jobs: QuerySet[Job]) -> int:
    followed = jobs.filter(state__in=WAITING).exclude(canvas={}).order_by().select_for_update()
    with_followers = [str(job_id) for job_id in followed.values_list("pk", flat=True)]
    # One statement for those that wait and those that run: between two, a job could end its attempt and be missed
    # by both. Asked twice is asked once: the heartbeat of a running job sees it within a second.
    is_waiting = Q(state__in=WAITING)
    cancelled = jobs.filter(state__in=UNFINISHED).update(
        state=Case(When(is_waiting, then=Value(JobState.CANCELLED)), default=F("state")),
        finished_at=Case(When(is_waiting, then=Now())),
        cancel_requested_at=Case(When(is_waiting, then=F("cancel_requested_at")), default=Now()),
    )
    if with_followers:
        settle.leave_out_what_follows(map(settle.Attempt.of, settlements.cancelled(with_followers)))
    wakeup.wake_relays()
    log.info("jobs_cancelled", count=cancelled)
    return cancelled
