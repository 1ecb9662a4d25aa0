"""What the ledger says at a scrape."""

from datetime import timedelta

import pytest
from django.utils import timezone

from celery_ledger.models import Job
from celery_ledger.operations import metrics
from celery_ledger.states import JobState
from tests.rows import a_job, an_error

pytestmark = pytest.mark.django_db


def backlog(queue="mail"):
    (found,) = metrics.backlogs([queue])
    return found


def ago(seconds):
    return timezone.now() - timedelta(seconds=seconds)


def test_an_empty_queue_has_no_backlog():
    assert backlog() == metrics.Backlog("mail", 0.0, 0, 0)


def test_the_oldest_due_job_counts_from_its_due_time():
    a_job(run_at=ago(90))
    a_job(run_at=ago(30))
    a_job(run_at=ago(500), queue="push")

    assert backlog().oldest_due_seconds == pytest.approx(90, abs=5)
    assert backlog().unpublished == 2


def test_a_published_job_that_nobody_claims_is_waiting_all_the_same():
    a_job(run_at=ago(120), published_at=ago(119))

    assert backlog().oldest_due_seconds == pytest.approx(120, abs=5)
    assert (backlog().unpublished, backlog().published) == (0, 1)


@pytest.mark.parametrize("state", [JobState.SCHEDULED, JobState.RETRYING])
def test_a_job_whose_time_has_not_come_is_not_due(state):
    a_job(state, run_at=timezone.now() + timedelta(hours=1))

    assert backlog() == metrics.Backlog("mail", 0.0, 0, 0)


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.DEAD, JobState.SUCCEEDED])
def test_a_job_that_waits_for_nothing_is_not_due(state):
    a_job(state, run_at=ago(100))

    assert backlog() == metrics.Backlog("mail", 0.0, 0, 0)


def test_every_state_is_in_just_one_of_the_two_counts():
    for state in JobState:
        a_job(state)

    counted = [row.state for row in (*metrics.live_counts(), *metrics.settled_counts())]

    assert sorted(counted) == sorted(JobState)


def test_running_jobs_are_counted_by_worker():
    for worker in ("a@h/1", "a@h/1", "a@h/2"):
        a_job(JobState.RUNNING, worker=worker)

    assert metrics.active_by_worker() == {"a@h/1": 2, "a@h/2": 1}


def test_attempts_are_counted_by_task_and_outcome():
    job = a_job(JobState.SUCCEEDED, "a.b")
    an_error(job, "transient")
    an_error(job, "transient", attempt=2)
    a_job(JobState.CANCELLED, "a.b", cancel_requested_at=timezone.now())
    a_job(JobState.CANCELLED, "a.b")

    counted = metrics.Attempts().count(timezone.now())

    assert counted == {("a.b", "succeeded"): 1, ("a.b", "transient"): 2, ("a.b", "cancelled"): 1}


def test_attempts_never_fall_though_the_ledger_forgets():
    attempts = metrics.Attempts()
    a_job(JobState.SUCCEEDED, "a.b", finished_at=ago(3600))
    first = attempts.count(timezone.now())
    Job.objects.all().delete()
    a_job(JobState.SUCCEEDED, "a.b")

    second = attempts.count(timezone.now())

    assert (first["a.b", "succeeded"], second["a.b", "succeeded"]) == (1, 2)


def test_an_attempt_is_counted_once_while_it_passes_the_horizon():
    attempts = metrics.Attempts()
    a_job(JobState.SUCCEEDED, "a.b")
    times = [timezone.now() + timedelta(seconds=seconds) for seconds in (0, 30, 90, 150, 400)]

    assert [attempts.count(now)["a.b", "succeeded"] for now in times] == [1, 1, 1, 1, 1]


def test_a_settling_that_commits_late_is_counted_when_it_is_seen():
    attempts = metrics.Attempts()
    a_job(JobState.SUCCEEDED, "a.b")
    attempts.count(timezone.now())
    a_job(JobState.SUCCEEDED, "a.b", finished_at=ago(20))

    assert attempts.count(timezone.now())["a.b", "succeeded"] == 2
