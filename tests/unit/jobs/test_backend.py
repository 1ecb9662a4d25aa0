"""What Celery reads of a job's result."""

import pytest
from celery import current_app
from celery.exceptions import TaskRevokedError

from jobs.enqueue import enqueue
from jobs.models import Job
from tests.rows import a_job, an_error

pytestmark = pytest.mark.django_db


def result(job_id):
    return current_app.AsyncResult(str(job_id))


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("scheduled", "PENDING"),
        ("queued", "PENDING"),
        ("running", "STARTED"),
        ("retrying", "RETRY"),
        ("succeeded", "SUCCESS"),
        ("dead", "FAILURE"),
        ("cancelled", "REVOKED"),
    ],
)
def test_each_state_is_one_of_celerys(state, shown):
    assert result(a_job(state).pk).state == shown


def test_a_job_that_nobody_asked_for_is_pending():
    assert result("7a2b1c9e-0000-4000-8000-000000000000").state == "PENDING"


def test_a_result_is_what_the_job_returned():
    assert result(a_job("succeeded", result={"a": [1]}).pk).get() == {"a": [1]}


def test_a_dead_job_raises_its_last_error():
    job = a_job("dead", error="refused")
    an_error(job, traceback="the trace")

    with pytest.raises(Exception, match="refused"):
        result(job.pk).get()
    assert result(job.pk).traceback == "the trace"


def test_a_cancelled_job_raises_that_it_was():
    with pytest.raises(TaskRevokedError):
        result(a_job("cancelled").pk).get()


def test_celery_writes_nothing_of_its_own():
    job_id = enqueue("test.note")
    backend = current_app.backend

    backend.mark_as_started(job_id)
    backend.mark_as_done(job_id, 1)
    backend.mark_as_failure(job_id, ValueError())
    backend.store_result(job_id, 1, "SUCCESS")

    assert Job.objects.get(pk=job_id).state == "queued"
