"""What a dead worker held and what the broker lost."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from celery_ledger import control
from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.canvas import step
from celery_ledger.errors import Fate
from celery_ledger.models import Job
from celery_ledger.settling.rescue import (
    refuse_stranded,
    refuse_unknown,
    refuse_unpublishable,
    report_lost,
    rescue,
)
from celery_ledger.states import JobState
from tests.rows import a_job
from tests.unit.celery_ledger.worker import claimed, publish

pytestmark = pytest.mark.django_db


def reread(job):
    return Job.objects.get(pk=job.pk)


def a_lost_job(**fields):
    return a_job(JobState.RUNNING, lease_until=timezone.now() - timedelta(seconds=1), **fields)


def test_a_job_whose_worker_fell_silent_is_due_at_once():
    job = a_lost_job()

    assert rescue() == 1

    assert reread(job).state == "retrying"
    assert job.failures.get().fate == "lost"
    assert publish() == [str(job.pk)]


def test_a_job_that_killed_its_last_attempt_is_dead():
    job = a_lost_job(attempts=5)

    rescue()

    assert reread(job).state == "dead"


def test_a_job_that_was_to_stop_is_cancelled_when_it_is_lost():
    job = a_lost_job(cancel_requested_at=timezone.now())

    rescue()

    assert reread(job).state == "cancelled"


def test_a_job_with_a_lease_is_left():
    job = a_job(JobState.RUNNING)

    assert rescue() == 0
    assert reread(job).state == "running"


def test_an_errback_whose_task_is_gone_does_not_stop_the_rescue_of_others():
    broken = a_lost_job(attempts=5, canvas={"errbacks": [dict(step("test.removed"))]})
    other = a_lost_job()

    assert rescue() == 2

    assert (reread(broken).state, reread(other).state) == ("dead", "retrying")


@pytest.mark.parametrize(
    "errback",
    [
        pytest.param(step("test.note", "x", queue="gone"), id="of a queue that is gone"),
        pytest.param(step("test.note", "x", exchange="gone", queue="gone too"), id="of two that are gone"),
        pytest.param(step("test.add", 1, 2, 3), id="with the arguments of another release"),
    ],
)
def test_an_errback_that_is_refused_does_not_stop_the_rescue_of_others(errback):
    broken = a_lost_job(attempts=5, canvas={"errbacks": [dict(errback)]})
    other = a_lost_job()

    assert rescue() == 2

    assert (reread(broken).state, reread(other).state) == ("dead", "retrying")
    assert list(broken.failures.values_list("fate", flat=True)) == ["lost", "refused"]


def test_a_row_that_can_not_be_settled_is_set_aside_with_its_reason():
    forbid("insert on celery_ledger_error", "new.fate = 'lost' and new.job_id = '{}'", broken := a_lost_job())
    other = a_lost_job()

    rescue()

    assert (reread(broken).state, reread(other).state) == ("dead", "retrying")
    assert reread(broken).error.startswith("it could not be settled: DataError: forbidden")
    assert broken.failures.get().fate == "set_aside"


def test_a_row_of_which_nothing_can_be_written_stops_no_other(settings):
    forbid("update on celery_ledger_job", "new.state <> 'running' and new.id = '{}'", broken := a_lost_job())
    other = a_lost_job()

    rescue()

    assert (reread(broken).state, reread(other).state) == ("running", "retrying")
    assert reread(broken).lease_until > timezone.now() + timedelta(seconds=settings.JOB_STRANDED_SECONDS - 60)


def forbid(write, condition, job):
    """Make PostgreSQL refuse a write that concerns the job, until the test's transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "create function forbid() returns trigger language plpgsql as"
            " $$ begin raise exception 'forbidden' using errcode = '22000'; end $$"
        )
        cursor.execute(
            f"create trigger forbid before {write} for each row"
            f" when ({condition.format(job.pk)}) execute function forbid()"
        )


def test_a_message_that_was_lost_is_sent_again(settings):
    settings.JOB_REPUBLISH_SECONDS = 30
    job = a_job(published_at=timezone.now() - timedelta(seconds=31), publications=1)

    assert rescue() == 1

    assert publish() == [str(job.pk)]


def test_a_parent_reports_its_own_process_and_no_other():
    job_id = enqueue("test.note")
    claimed(job_id, worker="w@host/7")

    assert not report_lost(job_id, "w@host/8", Fate.LOST, "signal 9")
    assert report_lost(job_id, "w@host/7", Fate.LOST, "signal 9")
    assert not report_lost(job_id, "w@host/7", Fate.LOST, "signal 9")

    failure = Job.objects.get(pk=job_id).failures.get()
    assert (failure.fate, failure.message) == ("lost", "signal 9")


def test_a_task_that_a_worker_does_not_have_costs_an_attempt_until_the_job_is_dead():
    job = a_job(name="test.removed", max_attempts=2, published_at=timezone.now())

    assert refuse_unknown(str(job.pk), "w@host", "test.removed")

    assert reread(job).state == "retrying"
    Job.objects.update(state="queued")
    assert refuse_unknown(str(job.pk), "w@host", "test.removed")
    assert reread(job).state == "dead"
    assert reread(job).error == "w@host has no task 'test.removed': renamed, removed, or of a newer release"


def test_a_second_message_of_an_unknown_task_charges_nothing():
    job = a_job(name="test.removed", published_at=timezone.now())
    refuse_unknown(str(job.pk), "w@host", "test.removed")

    assert not refuse_unknown(str(job.pk), "w@host", "test.removed")

    assert reread(job).attempts == 1


def test_a_job_that_no_broker_takes_is_dead_with_the_reason_and_can_be_retried():
    job = a_job(published_at=timezone.now())

    assert refuse_unpublishable(str(job.pk), "too long")

    failure = job.failures.get()
    assert (reread(job).state, failure.fate, failure.message) == (
        "dead",
        "permanent",
        "no broker takes it: too long",
    )
    assert control.retry(job.pk)


def test_a_job_of_a_queue_that_this_release_does_not_have_is_buried_in_time(settings):
    settings.JOB_STRANDED_SECONDS = 60
    long_ago = timezone.now() - timedelta(seconds=61)
    stranded = [a_job(queue=name, run_at=long_ago) for name in ("gone", "gone", "gone too")]
    others = [
        a_job(queue="gone", run_at=long_ago + timedelta(seconds=5)),  # its release may still come
        a_job(queue="mail", run_at=long_ago),
        a_job(queue="gone", run_at=long_ago, published_at=timezone.now()),  # somebody else has the queue
    ]

    refuse_stranded(["mail", "media"])

    assert {reread(job).state for job in stranded} == {"dead"}
    assert reread(stranded[2]).error == "no release that runs here has the queue 'gone too'"
    assert {reread(job).state for job in others} == {"queued"}
