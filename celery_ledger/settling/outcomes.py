"""What became of jobs, as Celery's result objects show it: by id, also of jobs that will never be enqueued."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from celery import states
from django.db.models import Q

from celery_ledger.asking import policy
from celery_ledger.errors import Fate
from celery_ledger.models import Job, JobError, Unreached
from celery_ledger.states import JobState
from celery_ledger.values import wire

STATUS: Mapping[str, str] = {
    JobState.RUNNING: states.STARTED,
    JobState.RETRYING: states.RETRY,
    JobState.SUCCEEDED: states.SUCCESS,
    JobState.DEAD: states.FAILURE,
    JobState.CANCELLED: states.REVOKED,
}
_ENDED_BADLY = (JobState.DEAD, JobState.CANCELLED)

#: What Celery raises where the worker's parent, not the body, has noticed the failure.
_CLASSES = {
    Fate.LOST: ("billiard.exceptions", "WorkerLostError"),
    Fate.TIMEOUT: ("billiard.exceptions", "TimeLimitExceeded"),
}


@dataclass(frozen=True)
class Outcome:
    """How a job stands. `error`: the exception as Celery's backends encode one."""

    id: str
    name: str | None = None
    status: str = states.PENDING
    result: Any = None
    error: dict[str, Any] | None = None
    traceback: str | None = None
    date_done: datetime | None = None
    retries: int = 0


def of(ids: Iterable[str], *, only_failed: bool = False) -> dict[str, Outcome]:
    """Return the outcome of each id; of a job that another one's failure has left out, that failure.

    `only_failed`: of no others. Where none failed that is two look-ups without a row, however many ids there are.
    """
    given = {str(job_id): _as_ledger_writes_it(str(job_id)) for job_id in ids}
    wanted = [job_id for job_id in given.values() if job_id is not None]
    known = _of_jobs(wanted, only_failed=only_failed)
    return {
        job_id: replace(known[wanted_id], id=job_id) if wanted_id in known else Outcome(job_id)
        for job_id, wanted_id in given.items()
        if wanted_id in known or not only_failed
    }


def _as_ledger_writes_it(job_id: str) -> str | None:
    """Return the id in the form of the ledger; None of what is no UUID and so was never enqueued."""
    try:
        return str(UUID(job_id))
    except ValueError:
        return None


def _of_jobs(wanted: list[str], *, only_failed: bool) -> dict[str, Outcome]:
    asked = Job.objects.filter(pk__in=wanted).order_by()
    if only_failed:
        asked = asked.filter(state__in=_ENDED_BADLY)
    jobs = {str(job.pk): job for job in asked}
    left_out = _left_out([job_id for job_id in wanted if _may_be_left_out(jobs.get(job_id))])
    culprits = {
        job.pk: job for job in Job.objects.filter(pk__in={note.failed_job_id for note in left_out.values()})
    }
    # A culprit may have succeeded: what follows it was refused.
    failures = _last_failures([*filter(_shows_failure, jobs.values()), *culprits.values()])
    outcomes = {}
    for job_id in wanted:
        note = left_out.get(job_id)
        culprit = culprits.get(note.failed_job_id) if note else None
        if note and culprit and _leaves_out(culprit, failures):
            outcomes[job_id] = _left_out_by(_failure_of(culprit, failures), job_id, note)
        elif job_id in jobs:
            outcomes[job_id] = _outcome_of(jobs[job_id], failures)
    return outcomes


def _leaves_out(culprit: Job, failures: Mapping[Any, JobError]) -> bool:
    failure = failures.get(culprit.pk)
    return culprit.state in _ENDED_BADLY or (
        culprit.state == JobState.SUCCEEDED and failure is not None and failure.fate == Fate.REFUSED
    )


def _failure_of(culprit: Job, failures: Mapping[Any, JobError]) -> Outcome:
    if culprit.state != JobState.SUCCEEDED:
        return _outcome_of(culprit, failures)
    failure = failures[culprit.pk]
    return Outcome(
        str(culprit.pk),
        culprit.name,
        states.FAILURE,
        error=_error(culprit, failure),
        date_done=culprit.finished_at,
    )


def _may_be_left_out(job: Job | None) -> bool:
    # A job that waits for its replacement is there, and dead with it.
    return job is None or job.state == JobState.DEAD


def _left_out(ids: list[str]) -> dict[str, Unreached]:
    return {str(note.pk): note for note in Unreached.objects.filter(pk__in=ids)} if ids else {}


def _last_failures(jobs: list[Job]) -> dict[Any, JobError]:
    if not jobs:
        return {}
    # What follows a job may have been refused: of one that succeeded that is all that failed, of others no failure.
    succeeded = Q(job__state=JobState.SUCCEEDED)
    errors = (
        JobError.objects.filter(job__in=[job.pk for job in jobs])
        .filter((succeeded & Q(fate=Fate.REFUSED)) | (~succeeded & ~Q(fate=Fate.REFUSED)))
        .order_by("job_id", "-id")
        .distinct("job_id")
    )
    return {error.job_id: error for error in errors}


def _outcome_of(job: Job, failures: Mapping[Any, JobError]) -> Outcome:
    status = _status_of(job)
    outcome = Outcome(
        str(job.pk), job.name, status, date_done=job.finished_at, retries=max(0, job.attempts - 1)
    )
    stored = wire.from_json(job.result)
    if isinstance(stored, wire.OwnState) and status not in (states.SUCCESS, states.FAILURE):
        # Stored by `update_state`, and the last word where the body then raised Ignore.
        if stored.state in states.EXCEPTION_STATES:
            return replace(outcome, status=stored.state, error=_own_error(stored.meta))
        return replace(outcome, status=stored.state, result=stored.meta)
    if status == states.SUCCESS:
        return replace(outcome, result=stored)
    if status == states.REVOKED:
        reason = job.error or "revoked"
        return replace(outcome, error=_encoded("celery.exceptions", "TaskRevokedError", [reason]))
    if status in (states.FAILURE, states.RETRY):
        failure = failures.get(job.pk)
        return replace(outcome, error=_error(job, failure), traceback=failure.traceback if failure else None)
    return outcome


def _status_of(job: Job) -> str:
    status = STATUS.get(job.state, states.PENDING)
    if status == states.STARTED and not policy.shows_started(job.name):
        return states.RETRY if _is_repeated(job) else states.PENDING
    return status


def _shows_failure(job: Job) -> bool:
    return job.state in (JobState.DEAD, JobState.RETRYING) or (
        job.state == JobState.RUNNING and _is_repeated(job)
    )


def _is_repeated(job: Job) -> bool:
    return job.attempts - job.attempts_before > 1


def _left_out_by(culprit: Outcome, job_id: str, note: Unreached) -> Outcome:
    error = culprit.error
    if culprit.status not in states.PROPAGATE_STATES or error is None:
        # Its body raised Ignore, perhaps with a state of its own.
        reason = f"job {culprit.id} before it ended without a result"
        return Outcome(
            job_id, status=states.REVOKED, error=_encoded("celery.exceptions", "TaskRevokedError", [reason])
        )
    if note.is_chord_body and culprit.status == states.FAILURE:
        arguments = ", ".join(map(repr, error["exc_message"]))
        text = f"Dependency {culprit.id} raised {error['exc_type']}({arguments})"
        error = _encoded("celery.exceptions", "ChordError", [text])
    return replace(culprit, id=job_id, name=None, error=error, retries=0)


def _error(job: Job, failure: JobError | None) -> dict[str, Any]:
    if failure is not None and failure.error_args is not None:
        return _encoded(failure.error_module, failure.error_class, wire.from_json(failure.error_args))
    module, name = _CLASSES.get(
        Fate(failure.fate) if failure else Fate.BUG, ("celery.exceptions", "RuntimeError")
    )
    return _encoded(module, name, [job.error or job.state])


def _own_error(meta: Any) -> dict[str, Any]:
    # Celery raises ValueError at every look at a result whose state is FAILURE and whose meta is no exception.
    if isinstance(meta, dict) and "exc_type" in meta:
        return meta
    return _encoded("builtins", "RuntimeError", [meta])


def _encoded(module: str, name: str, args: list[Any]) -> dict[str, Any]:
    return {"exc_type": name, "exc_message": args, "exc_module": module}
