"""A real beat on rows of other people, beside the real scheduler of django-celery-beat."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from celery_ledger.models import BeatEntry, Job
from tests.eventually import eventually
from tests.integration.stockbeat.settings import SCHEMA

#: Two beats that are started in a later second might not both tick before the minute ends.
LATEST_START_SECOND = 35
TABLES = ("crontabschedule", "periodictask", "periodictasks")


@pytest.fixture
def next_minute():
    """The next full minute, with time enough before it to start two beats."""
    eventually(lambda: timezone.now().second <= LATEST_START_SECOND, within_seconds=60)
    return timezone.now().replace(second=0, microsecond=0) + timedelta(minutes=1)


@pytest.fixture
def rows(ledger, next_minute):
    """The four rows for which beat once asked for 101, 30, 100 and 100 jobs."""
    now = timezone.now()
    # Not in the next minute: there the stock scheduler disables it, reads all rows again and sends some twice.
    missed = ",".join(str((now.minute - ago) % 60) for ago in range(30))
    a_row("daily, now every minute", "*", last_run_at=now - timedelta(days=1))
    a_row("one-off, missed 30 times", missed, one_off=True, date_changed=now - timedelta(minutes=30))
    a_row("enabled after three days", "*/5", last_run_at=now - timedelta(days=3))
    a_row(
        "start time just ahead",
        "*",
        start_time=next_minute - timedelta(seconds=1),
        date_changed=now - timedelta(hours=10),
    )
    yield
    PeriodicTask.objects.all().delete()
    CrontabSchedule.objects.all().delete()
    BeatEntry.objects.all().delete()


def a_row(name, minute, *, args=None, one_off=False, **fields):
    plan = CrontabSchedule.objects.create(minute=minute)
    row = PeriodicTask.objects.create(
        name=name, task="test.note", args=args or f'["{name}"]', crontab=plan, one_off=one_off
    )
    PeriodicTask.objects.filter(pk=row.pk).update(**fields)


@pytest.fixture
def stock_schema(stage):
    """A schema with the tables of django-celery-beat alone."""
    execute(f"create schema {SCHEMA}")
    stage.migrate_stock_beat()
    yield SCHEMA
    execute(f"drop schema {SCHEMA} cascade")


def execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.slow
@pytest.mark.long
def test_beat_asks_for_as_many_jobs_as_the_stock_scheduler(stock_schema, rows, next_minute, stage):
    def stocks():
        return Counter(headers["periodic_task_name"] for headers in stage.broker.headers_in("celery"))

    copy_rows_to(stock_schema)
    stage.start_beat()
    stage.start_stock_beat()
    for counts in (ours, stocks):
        eventually(lambda counts=counts: counts().keys() >= OWED_AT_ONCE, within_seconds=30)
    assert timezone.now() < next_minute, "the beats did not start within one minute"
    # Each minute comes 5 s late at most, and one that comes twice or too early is seen.
    eventually(lambda: timezone.now() > next_minute + timedelta(seconds=6), within_seconds=70)

    ticks_at_fifth_minute = int(next_minute.minute % 5 == 0)
    assert (
        ours()
        == stocks()
        == {
            "daily, now every minute": 2,
            "one-off, missed 30 times": 1,
            "enabled after three days": 1 + ticks_at_fifth_minute,
            "start time just ahead": 1,
        }
    )


OWED_AT_ONCE = {"daily, now every minute", "one-off, missed 30 times", "enabled after three days"}


def ours():
    """Return how many jobs each row has asked for."""
    return Counter(args[0] for args in Job.objects.filter(name="test.note").values_list("args", flat=True))


def copy_rows_to(schema):
    for table in TABLES:
        name = f"django_celery_beat_{table}"
        execute(f"insert into {schema}.{name} select * from {name}")  # noqa: S608 - constants


def test_a_row_that_can_not_tick_is_refused_and_beat_goes_on(rows, stage):
    a_row("bad", "*", args="5", date_changed=timezone.now() - timedelta(hours=10))

    beat = stage.start_beat()

    eventually(lambda: ours().keys() >= OWED_AT_ONCE, within_seconds=40)
    eventually(lambda: BeatEntry.objects.get(name="bad").refused)
    assert beat.poll() is None
