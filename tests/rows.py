"""Rows of the ledger with only what matters to a test."""

from datetime import timedelta
from uuid import uuid4

from django.utils import timezone

from celery_ledger.models import Job, JobError
from celery_ledger.states import FINISHED, JobState


def a_job(state: str = JobState.QUEUED, name: str = "test.task", queue: str = "mail", **fields) -> Job:
    """Add a job that stands in the state, with what the constraints ask for there."""
    now = timezone.now()
    fields = {"id": uuid4(), "max_attempts": 5, "run_at": now - timedelta(seconds=1), **fields}
    fields.setdefault("root_id", fields["id"])
    if state in FINISHED:
        fields = {"started_at": now, "finished_at": now, "attempts": 1, **fields}
    if state == JobState.RUNNING:
        claim = {"claim_token": uuid4(), "lease_until": now + timedelta(minutes=1), "worker": "w@host/1"}
        fields = {"published_at": now, "started_at": now, "attempts": 1, **claim, **fields}
    job = Job.objects.create(state=state, name=name, queue=queue, **fields)
    job.refresh_from_db()
    return job


def an_error(job: Job, fate: str = "bug", **fields) -> JobError:
    """Add a failed attempt of the job."""
    return JobError.objects.create(
        job=job, **{"attempt": 1, "fate": fate, "error_class": "ValueError", "message": "no", **fields}
    )
