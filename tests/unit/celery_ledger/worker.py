"""A worker without a process: takes, claims and runs one job here and now, as Celery's tracer would."""

from uuid import uuid4

from celery import current_app
from celery.app.trace import build_tracer
from celery.exceptions import Ignore, Retry

from celery_ledger.ledger import claims, due_jobs
from celery_ledger.models import Job
from celery_ledger.publishing import shares
from celery_ledger.settling import settle

LEASE_SECONDS = 60.0


def publish(*queues, in_flight=1000):
    """Take what is due, as a relay does; return the ids."""
    names = queues or ("maintenance", "mail")
    taken = due_jobs.take_due(names, batch=200, in_flight=in_flight)
    taken += shares.take_shared(names, batch=200, in_flight=in_flight, share_in_flight=1)
    return [job.id for job in taken]


def claimed(job_id, worker="w@host/1", lease_seconds=LEASE_SECONDS):
    """Publish and claim a job."""
    publish()
    return claims.claim(str(job_id), uuid4(), worker, lease_seconds)


def attempt(job_id, **options):
    return settle.Attempt.of(claimed(job_id, **options))


def deliver(job_id, meanwhile=lambda: None):
    """Run the job as a delivered message does; return what Celery would see of it.

    `meanwhile` happens while the message is under way.
    """
    publish()
    row = Job.objects.get(pk=job_id)
    task = current_app.tasks[row.headers.get("task", row.name)]
    meanwhile()
    task.__trace__ = build_tracer(task.name, task, app=current_app._get_current_object())
    headers = {**row.headers, "id": str(job_id), "hostname": "w@host", "is_eager": False}
    traced = task.__trace__(str(job_id), [], {}, headers)
    outcome = traced.info.retval if traced.info else traced.retval
    return type(outcome) if isinstance(outcome, Ignore | Retry) else outcome
