"""Each due moment of a schedule entry is one job, whoever asks for it and however late."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_OID, uuid5

import pytest
import time_machine
from celery import current_app
from celery.schedules import schedule
from django.db import connection, transaction
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler
from kombu.exceptions import OperationalError

from celery_ledger.beat import LedgerScheduler
from celery_ledger.models import BeatEntry, Job
from tests.upstream import mended, still_raises


@pytest.fixture(autouse=True)
def no_shipped_entries(monkeypatch):
    """Leave out the project's own entries: at some minutes of the hour one of them would tick too."""
    monkeypatch.setitem(current_app.conf, "beat_schedule", {})


class StockScheduler(DatabaseScheduler):
    """django-celery-beat's own, as far as it ticks without a broker."""

    producer = None


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
    last_run_at = timezone.now() - timedelta(minutes=70)
    PeriodicTask.objects.create(name="hourly", task="test.note", crontab=hours, last_run_at=last_run_at)
    PeriodicTask.objects.update(date_changed=last_run_at)

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


#: Fields of a row that can't tick, and a part of the reason.
BAD = {
    "stored": ({"args": '["a\\u0000b"]'}, "a text with a NUL character cannot be stored"),
    "list": ({"args": "5"}, "args must be a JSON array"),
    "json": ({"args": "["}, "args are no JSON"),
    "keywords": ({"kwargs": "[]"}, "kwargs must be a JSON object"),
    "headers": ({"headers": "[]"}, "headers must be a JSON object"),
    "unknown": ({"task": "test.unknown"}, "test.unknown"),
    "arguments": ({"args": "[1, 2, 3]", "task": "test.add"}, "TypeError"),
    "queue": ({"queue": "gone"}, "QueueNotFound"),
    "routing": ({"routing_key": "x"}, "routing_key is not offered"),
    "no schedule": ({"interval": None}, "it has no schedule"),
    "zero": ({"interval__every": 0}, "its interval is 0"),
    "never": ({"crontab": "0 0 31 2"}, "never occurs"),
    "no crontab": ({"crontab": "a a a a"}, "Invalid"),
}


@pytest.mark.django_db(transaction=True)
def test_an_entry_that_can_not_tick_is_refused_and_stops_no_other():
    for name, (fields, _reason) in BAD.items():
        force(an_entry(name), fields)
    an_entry("right")
    an_entry("n" * 195)
    beat = scheduler()

    for _ in range(2 * len(BAD)):
        assert beat.tick() <= 5

    assert sorted(key.partition("@")[0] for key in Job.objects.values_list("unique_key", flat=True)) == [
        str(uuid5(NAMESPACE_OID, "n" * 195)),
        "right",
    ]
    refused = dict(BeatEntry.objects.exclude(refused="").values_list("name", "refused"))
    assert refused.keys() == BAD.keys()
    assert not [name for name, (_fields, reason) in BAD.items() if reason not in refused[name]]


def force(entry, fields):
    """Write an entry as the admin's form does not, or as a later release finds it."""
    fields = dict(fields)
    if "interval__every" in fields:
        IntervalSchedule.objects.filter(pk=entry.interval_id).update(every=fields.pop("interval__every"))
    if "crontab" in fields:
        minute, hour, day, month = fields["crontab"].split()
        plan = CrontabSchedule(minute=minute, hour=hour, day_of_month=day, month_of_year=month)
        plan.save()
        fields |= {"crontab": plan, "interval": None}
    PeriodicTask.objects.filter(pk=entry.pk).update(**fields)


@pytest.mark.django_db(transaction=True)
def test_an_entry_that_was_refused_and_is_edited_is_refused_no_more():
    entry = an_entry("edited", args="5")
    scheduler().tick()
    assert refused_entries() == ["edited"]

    entry.args = "[]"
    entry.save()
    PeriodicTask.objects.update(last_run_at=timezone.now() - timedelta(hours=2))
    scheduler().tick()

    assert (refused_entries(), Job.objects.count()) == ([], 1)


def refused_entries():
    return list(BeatEntry.objects.exclude(refused="").values_list("name", flat=True))


@pytest.mark.django_db(transaction=True)
def test_beat_runs_what_the_stock_scheduler_runs():
    start = timezone.now().replace(minute=31, second=30)
    counts = {}
    for kind in (StockScheduler, LedgerScheduler):
        with time_machine.travel(start, tick=False) as clock:
            a_row("daily, now every minute", minute="*", last_run_at=-1440, date_changed=-0.2)
            a_row("one-off of 30 minutes ago", minute="*", one_off=True, date_changed=-30)
            a_row("enabled after three days", minute="*/5", last_run_at=-3 * 1440, date_changed=-0.2)
            a_row("start time just past", minute=f"{start.minute}", start_time=-0.2, date_changed=-600)
            tick_for(clock, scheduler(kind), seconds=120)
        counts[kind] = Counter(
            args[0] for args in Job.objects.filter(name="test.note").values_list("args", flat=True)
        )
        Job.objects.all().delete()
        PeriodicTask.objects.all().delete()

    assert counts[LedgerScheduler] == counts[StockScheduler]
    assert sorted(counts[LedgerScheduler].values()) == [1, 1, 1, 3]


def tick_for(clock, beat, *, seconds):
    """Let beat tick for a while of a clock that the test puts forward."""
    for _ in range(seconds // 5):
        while beat.tick() == 0:
            pass
        clock.shift(5)


def a_row(name, minute, *, one_off=False, **minutes):
    plan = CrontabSchedule.objects.create(minute=minute)
    moments = {field: timezone.now() + timedelta(minutes=ago) for field, ago in minutes.items()}
    row = PeriodicTask.objects.create(
        name=name, task="test.note", args=f'["{name}"]', crontab=plan, one_off=one_off
    )
    PeriodicTask.objects.filter(pk=row.pk).update(**moments)


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
            cursor.execute("lock table celery_ledger_job")
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


@pytest.mark.django_db(transaction=True)
def test_a_one_off_ticks_once_though_beat_was_killed_before_it_noted_that():
    a_row("once", minute="*", one_off=True, date_changed=-30)
    before = PeriodicTask.objects.values("last_run_at", "total_run_count").get(name="once")
    scheduler().tick()

    PeriodicTask.objects.filter(name="once").update(**before)
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        scheduler().tick()

    assert Job.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_one_off_that_is_enabled_again_ticks_again():
    a_row("once", minute="*", one_off=True, date_changed=-30)
    beat = scheduler()
    beat.tick()
    PeriodicTask.objects.filter(name="once").update(last_run_at=timezone.now() - timedelta(minutes=2))
    scheduler().tick()
    row = PeriodicTask.objects.get(name="once")
    assert (row.enabled, Job.objects.count()) == (False, 1)

    row.enabled = True
    row.save()
    PeriodicTask.objects.update(last_run_at=timezone.now() - timedelta(minutes=2))
    scheduler().tick()

    assert Job.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_ticks_of_an_outage_are_made_up_for_from_the_last_change_on():
    now = timezone.now()
    a_row("rare", minute="0", last_run_at=-500, date_changed=-500)
    a_row("often", minute="*/5", last_run_at=-500, date_changed=-500)
    a_row("changed", minute="0", last_run_at=-500, date_changed=-130)
    BeatEntry.objects.create(name="often", missed="each")

    tick_out(scheduler())

    counts = Counter(args[0] for args in Job.objects.values_list("args", flat=True))
    assert counts["rare"] in {8, 9}
    assert counts["often"] == 100
    assert counts["changed"] in {2, 3}
    assert all(job.run_at <= now + timedelta(minutes=1) for job in Job.objects.all())


def tick_out(beat):
    """Let beat do all that is due."""
    while beat.tick() == 0:
        pass


@pytest.mark.django_db(transaction=True)
def test_a_schedule_that_is_edited_beside_beat_owes_nothing_from_before():
    a_row("edited", minute="0", last_run_at=-10, date_changed=-2000)
    scheduler().tick()
    PeriodicTask.objects.update(last_run_at=timezone.now() - timedelta(hours=20))

    with time_machine.travel(timezone.now() + timedelta(hours=10), tick=False):
        plan = CrontabSchedule.objects.get(periodictask__name="edited")
        plan.minute = "30"
        plan.save()
        tick_out(scheduler())

    assert Job.objects.filter(args=["edited"]).count() <= 2


@pytest.mark.django_db(transaction=True)
def test_an_entrys_queue_and_headers_go_with_its_job():
    an_entry("routed", queue="reports", headers='{"tenant": "7"}')

    scheduler().tick()

    job = Job.objects.get()
    assert (job.queue, job.headers["tenant"], job.headers["periodic_task_name"]) == ("reports", "7", "routed")


@pytest.mark.django_db(transaction=True)
def test_an_entrys_priority_and_expiry_go_with_its_job():
    moment = timezone.now() + timedelta(hours=5)
    an_entry("urgent", priority=7, expire_seconds=600)
    an_entry("until", expires=moment)

    tick_out(scheduler())

    until, urgent = Job.objects.order_by("unique_key")
    task = current_app.tasks["test.note"]
    by_hand = Job.objects.get(pk=task.apply_async(priority=7).id)
    assert (urgent.priority, until.priority) == (by_hand.priority, 0)
    assert by_hand.priority != 0
    assert abs(urgent.expires_at - urgent.created_at - timedelta(minutes=10)) < timedelta(seconds=5)
    assert until.expires_at == moment


@pytest.mark.django_db(transaction=True)
def test_the_entry_that_a_stock_beat_adds_for_the_results_of_celery_runs():
    an_entry("celery.backend_cleanup", task="celery.backend_cleanup", expire_seconds=12 * 3600)

    scheduler().tick()

    assert (Job.objects.get().name, refused_entries()) == ("celery.backend_cleanup", [])
    current_app.tasks["celery.backend_cleanup"].apply(throw=True)


@pytest.mark.django_db(transaction=True)
def test_an_edit_of_a_shipped_entry_lasts_until_the_code_changes(monkeypatch):
    shipped = {"task": "test.note", "schedule": schedule(60), "options": {"queue": "mail"}}
    monkeypatch.setitem(current_app.conf, "beat_schedule", {"shipped": shipped})
    scheduler().tick()
    PeriodicTask.objects.update(queue="reports")

    scheduler().tick()
    assert PeriodicTask.objects.get(name="shipped").queue == "reports"

    shipped["schedule"] = schedule(120)
    scheduler().tick()

    row = PeriodicTask.objects.get(name="shipped")
    assert (row.queue, row.interval.every) == ("mail", 120)


@pytest.mark.django_db(transaction=True)
def test_an_edit_of_an_entry_that_a_release_without_ledger_of_entries_shipped_lasts(monkeypatch):
    shipped = {"task": "test.note", "schedule": schedule(60)}
    monkeypatch.setitem(current_app.conf, "beat_schedule", {"shipped": shipped, "edited": shipped})
    for name in ("shipped", "edited"):
        StockScheduler.Entry.from_entry(name, app=current_app, **shipped)
    hours = IntervalSchedule.objects.create(every=3, period="hours")
    PeriodicTask.objects.filter(name="edited").update(interval=hours)

    scheduler().tick()
    assert PeriodicTask.objects.get(name="edited").interval == hours

    shipped["schedule"] = schedule(120)
    scheduler().tick()

    plans = PeriodicTask.objects.values_list("name", "interval__every", "interval__period")
    assert set(plans) == {("edited", 120, "seconds"), ("shipped", 120, "seconds")}


@pytest.mark.django_db(transaction=True)
def test_a_shipped_entry_with_an_option_that_is_not_known_is_refused_by_itself(monkeypatch):
    entries = {
        "bad": {"task": "test.note", "schedule": schedule(60), "options": {"countdown": 5}},
        "good": {"task": "test.note", "schedule": schedule(60), "options": {"expires": timedelta(hours=1)}},
    }
    monkeypatch.setitem(current_app.conf, "beat_schedule", entries)

    scheduler().tick()

    assert refused_entries() == ["bad"]
    assert PeriodicTask.objects.get().expire_seconds == 3600


@pytest.mark.django_db(transaction=True)
def test_beat_waits_for_a_database_that_is_not_migrated():
    an_entry()
    beat = scheduler()
    with connection.cursor() as cursor:
        cursor.execute("alter table django_celery_beat_periodictask rename to elsewhere")
    assert beat.tick() == 1.0

    with connection.cursor() as cursor:
        cursor.execute("alter table elsewhere rename to django_celery_beat_periodictask")
    tick_out(beat)

    assert Job.objects.get().name == "test.note"
