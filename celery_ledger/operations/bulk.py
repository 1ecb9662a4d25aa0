"""One act on many jobs, each in a transaction of its own: no lock is held longer than one job needs."""

from django.db.models import QuerySet

from celery_ledger import control
from celery_ledger.models import Job
from celery_ledger.operations import listing


def retry(jobs: QuerySet[Job]) -> int:
    """Queue the dead and cancelled ones among the jobs again; return how many.

    Twice: those of the first call are queued by now and are passed over.
    """
    return sum(control.retry(job_id) for job_id in listing.ids(jobs))


def cancel(jobs: QuerySet[Job]) -> int:
    """Cancel the unfinished ones among the jobs; return how many. Twice: finished ones are passed over."""
    return sum(control.cancel(job_id) for job_id in listing.ids(jobs))
