"""Rows of the schedule in states that people and other programs bring about while beat runs, or while it does not."""

from datetime import timedelta

import pytest
import time_machine
from celery import current_app
from celery.schedules import schedule
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from celery_ledger.beat import LedgerScheduler
from celery_ledger.models import BeatEntry, Job

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
#: Beat reads all rows again after five minutes: so it does not within this.
A_MINUTE = timedelta(seconds=65)


@pytest.fixture(autouse=True)
def no_shipped_entries(monkeypatch):
    """Leave out the project's own entries: at some minutes of the hour one of them would tick too."""
    monkeypatch.setitem(current_app.conf, "beat_schedule", {})


@pytest.fixture
def beat():
    return a_beat()


def a_beat():
    made = LedgerScheduler(app=current_app._get_current_object())
    made._finalize.cancel()  # it would save once more when the process ends, after the test's database
    return made


def an_entry(name="entry", *, ago=2 * HOUR, **fields):
    """Add an hourly entry that ran this long ago."""
    if not {"crontab", "clocked"} & fields.keys():
        fields["interval"], _ = IntervalSchedule.objects.get_or_create(every=1, period="hours")
    row = PeriodicTask.objects.create(name=name, task="test.note", args=f'["{name}"]', **fields)
    then = timezone.now() - ago
    PeriodicTask.objects.filter(pk=row.pk).update(last_run_at=then, date_changed=then)
    return row


def hourly(minute=None):
    return CrontabSchedule.objects.create(minute=str(timezone.now().minute if minute is None else minute))


def a_moment(**ago):
    return ClockedSchedule.objects.create(clocked_time=timezone.now() - timedelta(**ago))


def tick_out(beat):
    """Let beat do all that is due."""
    while beat.tick() == 0:
        pass


def ticks(name="entry"):
    return Job.objects.filter(args=[name]).count()


def test_an_edit_beside_a_one_off_that_beat_disables_lasts(beat):
    entry = an_entry(one_off=True, crontab=hourly("*"))
    tick_out(beat)
    PeriodicTask.objects.filter(pk=entry.pk).update(description="edited", queue="reports")

    with time_machine.travel(timezone.now() + A_MINUTE):
        tick_out(beat)

    entry.refresh_from_db()
    assert (entry.enabled, entry.description, entry.queue) == (False, "edited", "reports")


def test_a_one_off_that_was_deleted_does_not_come_back(beat):
    an_entry(one_off=True, crontab=hourly("*"))
    tick_out(beat)
    PeriodicTask.objects.all()._raw_delete("default")

    with time_machine.travel(timezone.now() + A_MINUTE):
        tick_out(beat)

    assert not PeriodicTask.objects.exists()


def test_an_entry_that_expires_keeps_what_was_edited(beat):
    entry = an_entry(expires=timezone.now() + timedelta(seconds=10), crontab=hourly("*"))
    tick_out(beat)
    PeriodicTask.objects.filter(pk=entry.pk).update(description="edited")

    with time_machine.travel(timezone.now() + A_MINUTE):
        tick_out(beat)

    entry.refresh_from_db()
    assert (entry.enabled, entry.description, ticks()) == (False, "edited", 1)


@pytest.mark.parametrize("gone", ["deleted", "disabled"])
def test_an_entry_that_is_gone_since_beat_read_it_does_not_tick(beat, gone):
    an_entry(ago=HOUR - timedelta(minutes=1))
    tick_out(beat)
    if gone == "deleted":
        PeriodicTask.objects.all()._raw_delete("default")
    else:
        PeriodicTask.objects.update(enabled=False)

    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        tick_out(beat)

    assert ticks() == 0


@pytest.mark.parametrize("is_restarted", [True, False])
def test_an_entry_enabled_by_a_bulk_update_owes_nothing_from_before(beat, is_restarted):
    now = timezone.now()
    an_entry(crontab=hourly(), ago=timedelta())
    with time_machine.travel(now + timedelta(seconds=10), tick=False):
        tick_out(beat)
        PeriodicTask.objects.update(enabled=False)
    with time_machine.travel(now + timedelta(minutes=10), tick=False):
        tick_out(beat)
        before = ticks()

    with time_machine.travel(now + timedelta(days=3, minutes=10), tick=False):
        PeriodicTask.objects.update(enabled=True)
        beat = a_beat() if is_restarted else beat
        tick_out(beat)

    assert ticks() - before <= 1


def test_a_schedule_changed_by_a_bulk_update_owes_nothing_from_before(beat):
    now = timezone.now()
    an_entry(crontab=hourly(), ago=timedelta())
    with time_machine.travel(now, tick=False):
        tick_out(beat)
    with time_machine.travel(now + timedelta(minutes=50), tick=False):
        tick_out(beat)
        CrontabSchedule.objects.update(minute="*")
        BeatEntry.objects.update(missed="each")

    with time_machine.travel(now + timedelta(minutes=55, seconds=5), tick=False):
        tick_out(beat)

    assert ticks() <= 6


def test_a_last_run_in_the_future_does_not_silence_an_entry(beat):
    an_entry("interval", ago=-365 * 24 * HOUR)
    an_entry("crontab", crontab=hourly("*"), ago=-365 * 24 * HOUR)

    now = timezone.now()
    for minutes in (0, 1, 61):
        with time_machine.travel(now + timedelta(minutes=minutes)):
            tick_out(beat)

    assert ticks("crontab") >= 1
    assert ticks("interval") >= 1


def test_entries_go_on_when_the_clock_is_put_back(beat):
    now = timezone.now()
    for name in ("first", "second", "third"):
        an_entry(name, crontab=hourly("*"), ago=timedelta())
    with time_machine.travel(now + 5 * HOUR):
        tick_out(beat)
    Job.objects.all().delete()

    for seconds in range(0, 180, 5):
        with time_machine.travel(now + timedelta(seconds=seconds)):
            tick_out(beat)

    assert min(ticks("first"), ticks("second"), ticks("third")) >= 2


def test_a_row_that_can_not_be_read_is_refused_by_itself(beat):
    an_entry("bad", crontab=hourly("*"))
    with connection.cursor() as cursor:
        cursor.execute("update django_celery_beat_crontabschedule set timezone = 'Mars/Olympus'")
    an_entry("good", crontab=hourly("*"))

    for _ in range(2):
        tick_out(a_beat())

    assert (ticks("good"), ticks("bad")) == (1, 0)
    assert "Mars/Olympus" in BeatEntry.objects.get(name="bad").refused
    assert not BeatEntry.objects.get(name="good").refused


def test_an_event_of_the_sun_without_its_library_is_refused_by_itself(beat):
    sun = SolarSchedule.objects.create(event="sunrise", latitude=89, longitude=0)
    entry = an_entry("sunrise")
    PeriodicTask.objects.filter(pk=entry.pk).update(interval=None, solar=sun)
    an_entry("good")

    tick_out(beat)

    assert ticks("good") == 1
    assert "ephem" in BeatEntry.objects.get(name="sunrise").refused


def test_naive_times_of_the_library_are_not_needed(beat, settings):
    settings.DJANGO_CELERY_BEAT_TZ_AWARE = False
    an_entry(start_time=timezone.now() - HOUR)
    an_entry("expiring", expires=timezone.now() + HOUR)

    tick_out(beat)

    assert (ticks(), ticks("expiring")) == (1, 1)
    assert not BeatEntry.objects.exclude(refused="").exists()


def test_a_moment_that_has_passed_ticks_once_though_the_entry_is_no_one_off(beat):
    an_entry(clocked=a_moment(hours=1), one_off=True)
    PeriodicTask.objects.update(one_off=False)
    tick_out(beat)
    assert ticks() == 1
    Job.objects.all().delete()  # as retention does

    tick_out(a_beat())

    assert ticks() == 0


def test_a_moment_that_is_enabled_again_ticks_again(beat):
    entry = an_entry(clocked=a_moment(hours=1), one_off=True)
    tick_out(beat)
    tick_out(a_beat())
    entry.refresh_from_db()
    assert (entry.enabled, ticks()) == (False, 1)

    entry.enabled = True
    entry.save()
    tick_out(beat)
    tick_out(a_beat())

    entry.refresh_from_db()
    assert (entry.enabled, ticks()) == (False, 2)


def test_entries_of_one_moment_all_tick(beat):
    moment = a_moment(hours=1)
    for name in ("first", "second"):
        an_entry(name, clocked=moment, one_off=True)

    tick_out(beat)

    assert (ticks("first"), ticks("second")) == (1, 1)


def test_a_schedule_that_changes_while_entries_are_due_doubles_none(beat):
    for name in ("first", "second", "third"):
        an_entry(name, crontab=hourly("*"), one_off=name == "second")

    for _ in range(3):
        tick_out(beat)
        PeriodicTask.objects.get(name="third").save()

    assert [ticks(name) for name in ("first", "second", "third")] == [1, 1, 1]


def test_beat_leaves_a_server_that_has_become_read_only(beat, monkeypatch):
    an_entry()
    beat.tick()
    with connection.cursor() as cursor:
        cursor.execute("set session characteristics as transaction read only")
    monkeypatch.setattr(connection, "close_at", None)  # as with connections that are kept

    with time_machine.travel(timezone.now() + 2 * HOUR):
        for _ in range(4):
            beat.tick()

    assert ticks() == 2


def test_an_entry_that_the_code_no_longer_has_is_disabled(beat, monkeypatch):
    shipped = {"task": "test.note", "schedule": schedule(60)}
    monkeypatch.setitem(current_app.conf, "beat_schedule", {"kept": shipped, "removed": shipped})
    tick_out(beat)
    an_entry("by hand")

    monkeypatch.setitem(current_app.conf, "beat_schedule", {"kept": shipped})
    tick_out(a_beat())
    enabled = set(PeriodicTask.objects.enabled().values_list("name", flat=True))
    assert enabled == {"kept", "by hand"}

    monkeypatch.setitem(current_app.conf, "beat_schedule", {"kept": shipped, "removed": shipped})
    tick_out(a_beat())
    assert PeriodicTask.objects.get(name="removed").enabled


def test_an_entry_that_was_disabled_by_hand_is_not_enabled_by_the_code(monkeypatch):
    shipped = {"task": "test.note", "schedule": schedule(60)}
    monkeypatch.setitem(current_app.conf, "beat_schedule", {"shipped": shipped})
    tick_out(a_beat())
    PeriodicTask.objects.update(enabled=False)

    for entries in ({}, {"shipped": shipped}):
        monkeypatch.setitem(current_app.conf, "beat_schedule", entries)
        tick_out(a_beat())

    assert not PeriodicTask.objects.get().enabled


def test_a_periodic_task_that_the_application_adds_is_an_entry(beat):
    task = current_app.tasks["test.note"]
    key = current_app.add_periodic_task(60.0, task.s("added"), name="added", queue="reports")

    tick_out(beat)
    with time_machine.travel(timezone.now() + A_MINUTE):
        tick_out(beat)

    assert key == "added"
    job = Job.objects.get(args=["added"])
    assert (job.name, job.queue) == ("test.note", "reports")
