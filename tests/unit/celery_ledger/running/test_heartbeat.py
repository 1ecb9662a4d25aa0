"""A long job keeps its lease, learns of a cancel, and learns that it is no longer its own."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from celery_ledger import control
from celery_ledger.current import CurrentJob
from celery_ledger.models import Job
from celery_ledger.running import heartbeat
from celery_ledger.running.heartbeat import Heartbeat
from celery_ledger.states import JobState
from tests.eventually import eventually
from tests.integration.stage import holds
from tests.rows import a_job

pytestmark = pytest.mark.django_db(transaction=True)

LEASE_SECONDS = 0.6


@pytest.fixture
def watched(settings):
    """A running job, and its attempt with a heartbeat."""
    settings.JOB_LEASE_SECONDS = LEASE_SECONDS
    row = a_job(JobState.RUNNING, lease_until=timezone.now() + timedelta(seconds=LEASE_SECONDS))
    job = CurrentJob(str(row.pk), row.name, row.queue, 1, 5, str(row.pk), None, row.claim_token)
    beat = Heartbeat()
    beat.start()
    beat.watch(job)
    yield row, job, beat
    beat.end()


def test_a_lease_shorter_than_a_second_is_renewed_in_time(watched):
    row, job, _beat = watched

    assert holds(
        lambda: Job.objects.get(pk=row.pk).lease_until > timezone.now(), for_seconds=3 * LEASE_SECONDS
    )
    assert not job.lease_lost


def test_each_of_several_jobs_in_threads_keeps_its_lease(watched):
    row, _job, beat = watched
    second = a_job(JobState.RUNNING, lease_until=timezone.now() + timedelta(seconds=LEASE_SECONDS))
    beat.watch(CurrentJob(str(second.pk), second.name, second.queue, 1, 5, "", None, second.claim_token))

    for watched_row in (row, second):
        first = Job.objects.get(pk=watched_row.pk).lease_until
        eventually(lambda row=watched_row, first=first: Job.objects.get(pk=row.pk).lease_until > first)


def test_a_cancel_reaches_the_body(watched):
    row, job, _beat = watched

    control.cancel(row.pk)

    eventually(lambda: job.cancel_requested)


def test_who_lost_the_job_learns_of_it(watched):
    row, job, _beat = watched

    Job.objects.filter(pk=row.pk).update(claim_token=uuid4())

    eventually(lambda: job.lease_lost)


def test_a_job_that_is_forgotten_is_left_alone(watched):
    row, job, beat = watched

    beat.forget(job)

    eventually(lambda: Job.objects.get(pk=row.pk).lease_until < timezone.now())


def test_a_process_has_one_heartbeat():
    beat = heartbeat.of_this_process()
    try:
        assert heartbeat.of_this_process() is beat
    finally:
        beat.end()
    assert heartbeat.of_this_process() is not beat
    heartbeat.of_this_process().end()
