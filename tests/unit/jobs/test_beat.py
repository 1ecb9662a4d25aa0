"""Each due moment of a schedule entry is one job, whoever asks for it and however late."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from celery import current_app
from celery.schedules import crontab, schedule
from django.db import connection, transaction
from django.utils import timezone
from django_celery_beat.clockedschedule import clocked
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler
from kombu.exceptions import OperationalError

from jobs.beat import MAX_MISSED, LedgerScheduler, moments_of
from jobs.models import Job
from tests.upstream import mended, still_raises

DAILY = crontab(minute="0", hour="6")


def at(hour, minute=0, second=0, day=10):
    return datetime(2026, 3, day, hour, minute, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("plan", "last_run_at", "now", "moments"),
    [
        pytest.param(DAILY, at(6, day=9), at(6, 0, 1), ["2026-03-10T06:00"], id="on time"),
        pytest.param(DAILY, at(6, day=9), at(9, 30), ["2026-03-10T06:00"], id="hours late"),
        pytest.param(DAILY, at(6, day=8), at(7), ["2026-03-09T06:00", "2026-03-10T06:00"], id="one missed"),
        pytest.param(
            crontab(minute="*/5"), at(6, 1), at(6, 16), ["2026-03-10T06:05", "2026-03-10T06:10", "2026-03-10T06:15"],
            id="three missed",
        ),
        pytest.param(DAILY, at(6, 0, 30), at(7), ["2026-03-10T07:00"], id="due for another reason"),
        pytest.param(schedule(60), at(5), at(6, 0, 1), [str(int(at(6).timestamp()) // 60)], id="an interval"),
        pytest.param(clocked(at(6)), at(5), at(6, 0, 1), ["2026-03-10T06:00"], id="an hour of its own"),
    ],
)  # fmt: skip
def test_ticks_are_named_by_the_moments_that_were_due(plan, last_run_at, now, moments):
    assert moments_of(plan, last_run_at, now) == moments


def test_after_a_long_time_the_latest_ticks_are_made_up_for():
    moments = moments_of(crontab(), at(0, day=1), at(6))

    assert len(moments) == MAX_MISSED
    assert moments[-1] == "2026-03-10T06:00"


def scheduler(kind=LedgerScheduler):
    made = kind(app=current_app._get_current_object())
    # It would save once more when the process ends, after the test's database and pytest's closing line.
    made._finalize.cancel()
    return made


def an_entry(name="entry", task="test.note", **fields):
    every = IntervalSchedule.objects.create(every=1, period="hours")
    last_run_at = timezone.now() - timedelta(hours=2)
    return PeriodicTask.objects.create(
        name=name, task=task, interval=every, last_run_at=last_run_at, **fields
    )


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_ask_for_a_tick_once():
    an_entry(args='["ticked"]')

    for beat in (scheduler(), scheduler()):
        beat.tick()
        beat.tick()

    job = Job.objects.get()
    assert (job.name, job.args) == ("test.note", ["ticked"])


@pytest.mark.django_db(transaction=True)
def test_a_scheduler_killed_before_it_saved_the_tick_does_not_double_it():
    hours = CrontabSchedule.objects.create(minute="0", hour="*")
    PeriodicTask.objects.create(
        name="hourly", task="test.note", crontab=hours, last_run_at=timezone.now() - timedelta(minutes=70)
    )

    scheduler().tick()
    before = Job.objects.count()
    scheduler().tick()

    assert Job.objects.count() == before >= 1
    assert all(key.endswith(":00") for key in Job.objects.values_list("unique_key", flat=True))


@pytest.mark.django_db(transaction=True)
def test_a_crontab_of_another_time_of_day_is_known_too():
    a_far_crontab()

    scheduler().tick()

    assert Job.objects.get().unique_key.startswith("far@")


def a_far_crontab():
    """Add an entry of a time of day twelve hours away, which was missed."""
    hour = (timezone.now().hour + 12) % 24
    hour += hour == 4  # the one that django-celery-beat never leaves out
    plan = CrontabSchedule.objects.create(minute="0", hour=str(hour))
    PeriodicTask.objects.create(
        name="far", task="test.note", crontab=plan, last_run_at=timezone.now() - timedelta(hours=24)
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("minutes", "state"), [(5, "scheduled"), (-5, "queued")])
def test_a_tick_runs_at_its_moment_whatever_the_clock_of_its_beat_says(minutes, state):
    now = timezone.now()
    wrong = now + timedelta(minutes=minutes)
    PeriodicTask.objects.create(
        name="tick",
        task="test.note",
        crontab=CrontabSchedule.objects.create(minute="*"),
        last_run_at=wrong - timedelta(minutes=2),
    )

    with time_machine.travel(wrong):
        scheduler().tick()

    assert set(Job.objects.values_list("state", flat=True)) == {state}
    for job in Job.objects.all():
        moment = datetime.fromisoformat(job.unique_key.removeprefix("tick@")).replace(tzinfo=UTC)
        assert abs(job.run_at - max(moment, now)) < timedelta(seconds=10)


@pytest.mark.django_db(transaction=True)
def test_an_entry_that_names_no_task_stops_no_other():
    an_entry("wrong", task="test.unknown")
    an_entry("right")

    beat = scheduler()
    for _ in range(3):
        beat.tick()

    assert Job.objects.get().unique_key.startswith("right@")


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(20)
def test_beat_ticks_and_leaves_the_broker_alone(unheard_broker):
    an_entry()

    scheduler().tick()

    assert Job.objects.get().name == "test.note"


@pytest.mark.django_db(transaction=True)
def test_a_tick_that_the_database_refused_is_owed_until_it_takes_it():
    an_entry()
    beat = scheduler()

    with no_job_is_taken():
        pause = tick_beside(beat)
    assert (pause, Job.objects.count()) == (1.0, 0)

    beat.tick()

    assert Job.objects.get().name == "test.note"


@contextmanager
def no_job_is_taken():
    """Lock the ledger: who wants to write into it waits, and gives up."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("lock table jobs_job")
        yield


def tick_beside(beat):
    """Let beat tick on a database connection of its own, as a process beside this one."""

    def tick():
        with connection.cursor() as cursor:
            cursor.execute("set lock_timeout = '100ms'")
        pause = beat.tick()
        connection.close()
        return pause

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(tick).result(timeout=10)


class StockScheduler(DatabaseScheduler):
    """django-celery-beat's own, as far as it ticks without a broker."""

    producer = None


@pytest.mark.django_db(transaction=True)
def test_celery_still_connects_to_the_broker_before_it_ticks(refusing_broker, monkeypatch):
    monkeypatch.setitem(current_app.conf, "broker_connection_max_retries", 1)  # ours is: without end
    an_entry()

    with still_raises(OperationalError, package="celery", remedy="LedgerScheduler.producer"):
        scheduler(DatabaseScheduler).tick()


@pytest.mark.django_db(transaction=True)
def test_celery_still_loses_a_tick_that_could_not_be_asked_for():
    an_entry()
    beat = scheduler(StockScheduler)

    with no_job_is_taken():
        tick_beside(beat)
    for _ in range(3):
        beat.tick()

    assert not Job.objects.exists(), mended("celery", "LedgerScheduler.apply_entry and tick")


@pytest.mark.django_db(transaction=True)
def test_django_celery_beat_still_leaves_out_a_crontab_of_another_time_of_day():
    a_far_crontab()

    known = scheduler(StockScheduler).enabled_models_qs()

    assert not known.filter(name="far").exists(), mended(
        "django-celery-beat", "LedgerScheduler.enabled_models_qs"
    )
