"""Each due moment of a schedule entry has one name, and the policy says which of the missed ones are owed."""

from datetime import UTC, datetime, timedelta

import pytest
from celery.schedules import crontab, schedule
from django_celery_beat.clockedschedule import clocked

from celery_ledger.models import MissedTicks
from celery_ledger.schedule.ticks import MAX_MISSED, default_policy, key_of, moments_owed, plan_of

DAILY, OFTEN = crontab(minute="0", hour="6"), crontab(minute="*/5")
EACH, ONCE, SKIP = MissedTicks.EACH, MissedTicks.ONCE, MissedTicks.SKIP


def at(hour, minute=0, second=0, day=10):
    return datetime(2026, 3, day, hour, minute, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("plan", "policy"),
    [
        (schedule(60), ONCE),
        (schedule(timedelta(days=7)), ONCE),
        (crontab(), ONCE),
        (OFTEN, ONCE),
        (crontab(minute="0,30", hour="6"), ONCE),
        (crontab(minute="0"), EACH),
        (DAILY, EACH),
        (crontab(minute="0", hour="6", day_of_week="mon"), EACH),
    ],
)
def test_what_becomes_of_missed_ticks_by_default(plan, policy):
    assert default_policy(plan) == policy


@pytest.mark.parametrize(
    ("plan", "policy", "since", "now", "moments"),
    [
        pytest.param(DAILY, EACH, at(6, day=9), at(6, 0, 1), ["2026-03-10T06:00"], id="on time"),
        pytest.param(DAILY, EACH, at(6, day=9), at(9, 30), ["2026-03-10T06:00"], id="hours late"),
        pytest.param(
            DAILY, EACH, at(6, day=8), at(7), ["2026-03-09T06:00", "2026-03-10T06:00"], id="each of two missed"
        ),
        pytest.param(DAILY, ONCE, at(6, day=8), at(7), ["2026-03-10T06:00"], id="once for two missed"),
        pytest.param(DAILY, SKIP, at(6, day=8), at(7), [], id="none of two missed"),
        pytest.param(DAILY, SKIP, at(6, day=9), at(6, 0, 30), ["2026-03-10T06:00"], id="on time, missed are skipped"),
        pytest.param(
            OFTEN, EACH, at(6, 1), at(6, 16), ["2026-03-10T06:05", "2026-03-10T06:10", "2026-03-10T06:15"],
            id="three missed",
        ),
        pytest.param(DAILY, EACH, at(6, 0, 30), at(7), ["2026-03-10T06:00"], id="due for another reason"),
        pytest.param(OFTEN, EACH, at(9), at(6, 2), ["2026-03-10T06:02"], id="a change that this clock has not seen"),
        pytest.param(schedule(60), ONCE, at(5), at(6, 0, 1), ["29552040"], id="an interval"),
        pytest.param(schedule(1800), EACH, at(5), at(6, 0, 1), ["985067", "985068"], id="an interval, each"),
        pytest.param(schedule(60), SKIP, at(5), at(6, 0, 1), [], id="an interval that was missed"),
        pytest.param(schedule(60), SKIP, at(5, 59), at(6, 0, 1), ["29552040"], id="an interval on time"),
        pytest.param(clocked(at(6)), ONCE, at(5), at(6, 0, 1), ["2026-03-10T06:00"], id="an hour of its own"),
        pytest.param(clocked(at(6)), SKIP, at(5), at(8), [], id="an hour of its own that was missed"),
    ],
)  # fmt: skip
def test_ticks_are_named_by_the_moments_that_are_owed(plan, policy, since, now, moments):
    assert [moment.name for moment in moments_owed(plan, policy, since, now)] == moments


@pytest.mark.parametrize("plan", [crontab(), schedule(60)])
def test_after_a_long_time_the_latest_ticks_are_made_up_for(plan):
    moments = moments_owed(plan, EACH, at(0, day=1), at(6))

    assert len(moments) == MAX_MISSED
    assert moments[-1].name in {"2026-03-10T06:00", str(int(at(6).timestamp()) // 60)}


def test_a_key_is_as_long_as_the_column_at_most():
    assert key_of("hourly", "2026-03-10T06:00") == "hourly@2026-03-10T06:00"
    long = key_of("n" * 200, "2026-03-10T06:00")
    assert len(long) <= 200
    assert long != key_of("n" * 199 + "m", "2026-03-10T06:00")


def test_another_schedule_is_another_plan():
    plans = [DAILY, OFTEN, schedule(60), schedule(61), clocked(at(6)), clocked(at(7))]

    assert len({plan_of(plan) for plan in plans}) == len(plans)
