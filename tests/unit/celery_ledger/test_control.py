"""What a person may do to jobs."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from celery_ledger import control
from celery_ledger.ledger import settlements
from celery_ledger.models import Job
from celery_ledger.states import FINISHED, WAITING, JobState
from tests.eventually import eventually
from tests.rows import a_job
from tests.unit.celery_ledger.worker import publish

pytestmark = pytest.mark.django_db


def reread(job):
    return Job.objects.get(pk=job.pk)


@pytest.mark.parametrize("state", [JobState.DEAD, JobState.CANCELLED])
def test_a_dead_or_cancelled_job_is_queued_again_with_its_attempts_anew(state, settings):
    settings.JOB_MAX_ATTEMPTS = 5
    job = a_job(state, attempts=5, publications=9, cancel_requested_at=timezone.now())

    assert control.retry(job.pk)

    row = reread(job)
    assert (row.state, row.attempts, row.attempts_before, row.max_attempts) == ("queued", 5, 5, 10)
    assert (row.finished_at, row.cancel_requested_at, row.publications) == (None, None, 0)
    assert publish() == [str(job.pk)]


def test_a_job_is_given_as_many_attempts_as_its_task_declares():
    job = a_job(JobState.DEAD, name="test.overrun", attempts=1, max_attempts=1)

    control.retry(job.pk)

    assert reread(job).max_attempts == 2


@pytest.mark.parametrize("state", [state for state in JobState if state not in {"dead", "cancelled"}])
def test_no_other_job_is_retried(state):
    job = a_job(state)

    assert not control.retry(job.pk)
    assert reread(job).state == state


def test_retrying_twice_queues_once():
    job = a_job(JobState.DEAD)

    assert [control.retry(job.pk), control.retry(job.pk)] == [True, False]


def test_a_family_is_retried_where_it_is_dead():
    root = uuid4()
    dead = [a_job(JobState.DEAD, root_id=root, name=name) for name in ("test.add", "test.note")]
    for state in ("succeeded", "cancelled"):
        a_job(state, root_id=root)
    a_job(JobState.DEAD)

    assert control.retry_tree(root) == 2
    assert {reread(job).state for job in dead} == {"queued"}


def test_all_dead_jobs_of_a_name_are_retried():
    a_job(JobState.DEAD, name="test.add")
    a_job(JobState.DEAD, name="test.note")
    a_job(JobState.CANCELLED, name="test.add")

    assert control.retry_all(name="test.add") == 1
    assert control.retry_all() == 1
    assert control.retry_all(state="cancelled") == 1


@pytest.mark.parametrize("state", WAITING)
def test_a_waiting_job_is_cancelled_at_once(state):
    job = a_job(state)

    assert control.cancel(job.pk)

    assert reread(job).state == "cancelled"
    assert publish() == []


def test_a_running_job_is_asked_to_stop():
    job = a_job(JobState.RUNNING)

    assert control.cancel(job.pk)

    row = reread(job)
    assert (row.state, row.claim_token) == ("running", job.claim_token)
    assert row.cancel_requested_at


@pytest.mark.parametrize("state", FINISHED)
def test_a_finished_job_cannot_be_cancelled(state):
    assert not control.cancel(a_job(state).pk)


def test_a_family_is_cancelled_where_it_is_unfinished():
    root = uuid4()
    for state in ("queued", "scheduled", "running", "succeeded"):
        a_job(state, root_id=root)
    a_job()

    assert control.cancel_tree(root) == 3


@pytest.mark.django_db(transaction=True)
def test_a_cancel_at_the_instant_in_which_an_attempt_ends_is_not_lost():
    job = a_job(JobState.RUNNING)

    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            settlements.settle_retrying(str(job.pk), job.claim_token, "why", 60)
            cancelled = thread.submit(cancel_elsewhere, job)
            eventually(somebody_waits_for_a_lock)
        assert cancelled.result(timeout=10)

    assert reread(job).state == "cancelled"


def cancel_elsewhere(job):
    try:
        return control.cancel(job.pk)
    finally:
        connection.close()


def somebody_waits_for_a_lock():
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_locks where not granted")
        return cursor.fetchone()[0]
