"""Errbacks of Celery's new style: called with the request, the exception and the traceback of what failed.

Celery calls such an errback in the process of the failure. Here it is a job as others are: the id of the failed job
goes with it, and the failure is read from the ledger when it runs.
"""

from typing import Any

from celery import current_app
from celery.app.task import Context

from celery_ledger.asking import signatures
from celery_ledger.asking.signatures import Node
from celery_ledger.models import Job
from celery_ledger.settling import outcomes
from celery_ledger.values import wire

#: The header of such a job that names the failed one.
HEADER = "failure_of"


def prepared(errback: Node, failed_id: str) -> tuple[Node, tuple[Any, ...]]:
    """Return an errback, and the arguments to enqueue it with, for a job that failed."""
    if not signatures.takes_failure(current_app, errback):
        return errback, (failed_id,)
    headers = {**(errback["options"].get("headers") or {}), HEADER: failed_id}
    marked = {**errback, "options": {**errback["options"], "headers": headers}}
    return marked, signatures.FAILURE


def with_failure(args: list[Any], failed_id: str) -> list[Any]:
    """Return the arguments of such an errback with the failure of that job in their first three places."""
    outcome = outcomes.of([failed_id])[failed_id]
    error = outcome.error and current_app.backend.exception_to_python(outcome.error)
    return [_request_of(failed_id), error, outcome.traceback, *args[len(signatures.FAILURE) :]]


def _request_of(job_id: str) -> Context:
    job = Job.objects.filter(pk=job_id).first()
    if job is None:
        # The body of a chord whose header failed.
        return Context(id=job_id)
    return Context(
        id=job_id,
        task=job.name,
        args=wire.from_json(job.args),
        kwargs=wire.from_json(job.kwargs),
        headers=job.headers,
        root_id=str(job.root_id),
        parent_id=job.parent_id and str(job.parent_id),
        group=job.group_id and str(job.group_id),
        retries=max(0, job.attempts - job.attempts_before - 1),
        hostname=job.worker,
    )
