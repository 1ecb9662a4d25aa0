"""A real beat on rows that the stock scheduler ticks once."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from celery_ledger.models import BeatEntry, Job
from tests.eventually import eventually


@pytest.fixture
def rows(ledger):
    """The four rows for which beat once asked for 101, 30, 100 and 100 jobs, and one that it can't run."""
    now = timezone.now()
    a_row("daily, now every minute", "*", last_run_at=now - timedelta(days=1))
    a_row("one-off of 30 minutes ago", "*", one_off=True, date_changed=now - timedelta(minutes=30))
    a_row("enabled after three days", "*/5", last_run_at=now - timedelta(days=3))
    a_row("start time just past", "*", start_time=now, date_changed=now - timedelta(hours=10))
    a_row("bad", "*", args="5", date_changed=now - timedelta(hours=10))
    yield
    PeriodicTask.objects.all().delete()
    BeatEntry.objects.all().delete()


def a_row(name, minute, *, args=None, one_off=False, **fields):
    plan = CrontabSchedule.objects.create(minute=minute)
    row = PeriodicTask.objects.create(
        name=name, task="test.note", args=args or f'["{name}"]', crontab=plan, one_off=one_off
    )
    PeriodicTask.objects.filter(pk=row.pk).update(**fields)


def test_beat_asks_for_what_is_owed_and_refuses_a_bad_row(rows, stage):
    beat = stage.start_beat()

    eventually(lambda: asked().keys() == EXPECTED, within_seconds=40)
    eventually(lambda: BeatEntry.objects.get(name="bad").refused)

    assert beat.poll() is None
    # A minute may have begun meanwhile.
    assert set(asked().values()) <= {1, 2}
    assert asked()["one-off of 30 minutes ago"] == 1


EXPECTED = {
    "daily, now every minute",
    "one-off of 30 minutes ago",
    "enabled after three days",
    "start time just past",
}


def asked():
    """Return how many jobs each row has asked for."""
    names = [args[0] for args in Job.objects.filter(name="test.note").values_list("args", flat=True)]
    return {name: names.count(name) for name in names}
