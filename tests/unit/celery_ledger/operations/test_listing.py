"""Filters and tallies."""

import pytest

from celery_ledger.models import Job
from celery_ledger.operations import bulk, listing
from celery_ledger.operations.listing import Tally, Wanted
from celery_ledger.states import JobState
from tests.rows import a_job

pytestmark = pytest.mark.django_db


def test_nothing_wanted_is_everything():
    a_job(JobState.DEAD)
    a_job(JobState.RUNNING)

    assert Wanted().is_everything
    assert not Wanted(queue="mail").is_everything
    assert listing.matching(Wanted()).count() == 2


def test_tallies_count_by_task_queue_and_state():
    for _ in range(2):
        a_job(JobState.DEAD, "a.b", "mail")
    a_job(JobState.QUEUED, "a.b", "mail")
    a_job(JobState.SUCCEEDED, "a.b", "mail")

    tallies = listing.tallies([JobState.DEAD, JobState.QUEUED])

    assert sorted(tallies, key=str) == [Tally("a.b", "mail", "dead", 2), Tally("a.b", "mail", "queued", 1)]


def test_a_job_that_does_not_exist_is_none():
    assert listing.one("00000000-0000-4000-8000-000000000000") is None


def test_many_acts_count_only_those_that_changed_and_are_harmless_twice():
    a_job(JobState.DEAD)
    a_job(JobState.CANCELLED)
    a_job(JobState.SUCCEEDED)

    first, second = bulk.retry(listing.matching(Wanted())), bulk.retry(listing.matching(Wanted()))
    cancelled = bulk.cancel(listing.matching(Wanted()))

    assert (first, second, cancelled) == (2, 0, 2)
    assert Job.objects.filter(state=JobState.SUCCEEDED).count() == 1
