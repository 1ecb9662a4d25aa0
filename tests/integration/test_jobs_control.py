"""What Celery's user guide says of workers: options at the start, remote control and inspection of a running one.

The tests with a worker of their own come first: the worker that the others share takes jobs until the module ends.
"""

from datetime import timedelta

import pytest
from celery import current_app
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.models import BeatEntry, Job
from celery_ledger.running.remote_control import TIME_LIMITS_REFUSED
from tests.eventually import eventually
from tests.integration.stage import broker_of_this_process, running_in, settled
from tests.integration.testtasks import effects


@pytest.fixture
def control(running_stage):
    """Remote control of the worker that the tests of this module share."""
    with broker_of_this_process(running_stage.broker.url):
        yield current_app.control


def answers(told):
    """Return what the one worker said."""
    (answer,) = told
    (said,) = answer.values()
    return said


@pytest.mark.parametrize(
    "option",
    [
        ("--max-tasks-per-child", "1"),
        ("--max-memory-per-child", "1000"),
        ("--autoscale", "3,1"),
        ("-O", "fair"),
    ],
    ids=lambda option: option[0],
)
def test_a_pool_that_replaces_or_adds_processes_loses_no_job(stage, option):
    stage.start_worker(*option)

    jobs = settled(*[enqueue("test.note", number) for number in range(6)], within_seconds=30)

    assert [job.attempts for job in jobs] == [1] * 6
    assert [len(effects.of(str(job.pk))) for job in jobs] == [1] * 6


def test_a_worker_may_bring_its_own_beat(stage):
    every = IntervalSchedule.objects.create(every=1, period="hours")
    PeriodicTask.objects.create(
        name="entry",
        task="test.note",
        interval=every,
        last_run_at=timezone.now() - timedelta(hours=2),
    )
    PeriodicTask.objects.update(date_changed=timezone.now() - timedelta(hours=2))
    try:
        stage.start_worker("-B")

        tick = eventually(lambda: Job.objects.filter(name="test.note").first(), within_seconds=20)
        settled(str(tick.pk))
    finally:
        PeriodicTask.objects.all().delete()
        IntervalSchedule.objects.all().delete()
        BeatEntry.objects.all().delete()


def test_a_worker_of_named_queues_leaves_the_others(stage):
    stage.start_worker("-X", "maintenance")
    job_id = enqueue("test.note", "later")
    eventually(lambda: Job.objects.get(pk=job_id).published_at)

    stage.start_worker("-Q", "maintenance")

    settled(job_id)
    assert "w1@stage" in Job.objects.get(pk=job_id).worker


def test_a_worker_that_remote_control_ends_finishes_its_job(stage):
    worker = stage.start_worker()
    job_id = enqueue("test.linger", 2)
    running_in(job_id)

    with broker_of_this_process(stage.broker.url):
        current_app.control.shutdown()

    assert worker.process.wait(20) == 0
    settled(job_id)
    assert Job.objects.get(pk=job_id).attempts == 1


def test_a_worker_answers_inspection(control):
    inspect = control.inspect(timeout=5, limit=1)
    job_id = enqueue("test.linger", 3)
    running_in(job_id)

    def said(what):
        (answer,) = (getattr(inspect, what)() or {}).values()
        return answer

    assert said("ping") == {"ok": "pong"}
    assert [task["id"] for task in said("active")] == [job_id]
    assert (said("scheduled"), said("reserved"), said("revoked")) == ([], [], [])
    assert any("test.note" in name for name in said("registered"))
    assert "maintenance" in {queue["name"] for queue in said("active_queues")}
    assert said("stats")["pool"]["max-concurrency"] == 2
    assert said("query_task") == {}
    settled(job_id)


def test_a_worker_stops_and_starts_consuming_a_queue(control, running_stage):
    said = answers(control.cancel_consumer("maintenance", reply=True, timeout=5, limit=1))
    assert "ok" in said
    job_id = enqueue("test.note", "waits")
    eventually(lambda: Job.objects.get(pk=job_id).published_at)
    eventually(lambda: running_stage.broker.waiting("maintenance"))
    assert Job.objects.get(pk=job_id).attempts == 0

    assert "ok" in answers(control.add_consumer("maintenance", reply=True, timeout=5, limit=1))

    settled(job_id)


def test_a_time_limit_is_refused_by_remote_control(control):
    said = answers(control.time_limit("test.linger", soft=None, hard=1, reply=True, timeout=5, limit=1))

    assert said == {"error": TIME_LIMITS_REFUSED}


def test_a_rate_limit_that_is_set_by_remote_control_holds(control):
    assert "ok" in answers(control.rate_limit("test.add", "1/s", reply=True, timeout=5, limit=1))
    try:
        jobs = settled(*[enqueue("test.add", 1, number) for number in range(4)], within_seconds=30)
    finally:
        answers(control.rate_limit("test.add", 0, reply=True, timeout=5, limit=1))

    begun = sorted(job.started_at for job in jobs if job.started_at)
    assert begun[-1] - begun[0] > timedelta(seconds=2)
    assert [job.attempts for job in jobs] == [1] * 4


def test_a_pool_grows_and_shrinks(control, running_stage):
    assert "ok" in answers(control.pool_grow(1, reply=True, timeout=5, limit=1))
    eventually(lambda: len(running_stage.worker.pool()) == 3)
    settled(*[enqueue("test.note", number) for number in range(6)])

    assert "ok" in answers(control.pool_shrink(1, reply=True, timeout=5, limit=1))
    eventually(lambda: len(running_stage.worker.pool()) == 2)

    settled(enqueue("test.note", "after"))
