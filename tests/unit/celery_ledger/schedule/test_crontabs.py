"""A crontab's times, where clocks are put forward and back and where they are not."""

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django_celery_beat.tzcrontab import TzAwareCrontab

from celery_ledger.schedule.crontabs import ExactCrontab, times_after
from tests.upstream import mended

AUTUMN, SPRING = datetime(2026, 10, 25, tzinfo=UTC), datetime(2026, 3, 29, tzinfo=UTC)


def a_crontab(minute="0", hour="*", zone="Europe/Berlin", **fields):
    return ExactCrontab(minute=minute, hour=hour, tz=ZoneInfo(zone), **fields)


def times(plan, start, hours):
    until = start + timedelta(hours=hours)
    return [f"{at:%d %H:%M}" for at in takewhile(lambda at: at < until, times_after(plan, start))]


@pytest.mark.parametrize(
    ("plan", "start", "count"),
    [
        pytest.param(a_crontab("*/10"), AUTUMN - timedelta(hours=1, minutes=1), 30, id="*/10, an hour twice"),
        pytest.param(a_crontab("0"), AUTUMN - timedelta(hours=3, minutes=1), 8, id="hourly, an hour twice"),
        pytest.param(a_crontab("*/10"), SPRING - timedelta(hours=1, minutes=1), 30, id="*/10, an hour skipped"),
        pytest.param(a_crontab("0"), SPRING - timedelta(hours=3, minutes=1), 8, id="hourly, an hour skipped"),
        pytest.param(
            a_crontab("*/15", zone="Australia/Lord_Howe"), datetime(2026, 4, 4, 11, 59, tzinfo=UTC), 32,
            id="half an hour twice",
        ),
        pytest.param(
            a_crontab("0", zone="Antarctica/Troll"), datetime(2026, 10, 24, 20, 59, tzinfo=UTC), 8,
            id="two hours twice",
        ),
    ],
)  # fmt: skip
def test_a_crontab_of_every_hour_follows_elapsed_time(plan, start, count):
    minutes = 5 * 60 if count == 30 else 8 * 60

    assert len(times(plan, start, minutes / 60)) == count


@pytest.mark.parametrize(
    ("plan", "start", "expected"),
    [
        pytest.param(a_crontab("30", "2"), AUTUMN - timedelta(hours=12), ["25 00:30"], id="comes twice: the first"),
        pytest.param(a_crontab("30", "2"), SPRING - timedelta(hours=12), ["29 01:30"], id="skipped: an hour later"),
        pytest.param(a_crontab("0", "2,3"), SPRING - timedelta(hours=12), ["29 01:00"], id="skipped: no second time"),
        pytest.param(a_crontab("0", "6"), AUTUMN - timedelta(hours=12), ["25 05:00"], id="another hour"),
        pytest.param(
            a_crontab("50", "3", zone="Pacific/Chatham"), datetime(2026, 9, 26, 2, tzinfo=UTC), ["26 14:05"],
            id="a change of 45 minutes past the hour",
        ),
        pytest.param(
            a_crontab("0", "0", zone="America/Santiago"), datetime(2026, 9, 5, 12, tzinfo=UTC), ["06 04:00"],
            id="a midnight that is skipped",
        ),
    ],
)  # fmt: skip
def test_another_crontab_has_each_time_once_a_day(plan, start, expected):
    assert times(plan, start, 24) == expected


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        pytest.param(a_crontab("0", "0", day_of_week="sun"), "2026-03-14", id="the day of the week"),
        pytest.param(a_crontab("0", "0", day_of_month="31"), "2026-03-30", id="a short month"),
        pytest.param(a_crontab("0", day_of_month="29", month_of_year="2"), "2028-02-28", id="a leap day"),
    ],
)
def test_days_are_those_of_the_zone(plan, expected):
    # Midnight in Berlin is the evening before in UTC.
    assert f"{next(times_after(plan, datetime(2026, 3, 10, tzinfo=UTC))):%Y-%m-%d}" == expected


def test_a_leap_day_on_a_monday_is_found():
    plan = a_crontab("0", zone="UTC", day_of_month="29", month_of_year="2", day_of_week="mon")

    assert next(times_after(plan, AUTUMN)) == datetime(2044, 2, 29, tzinfo=UTC)


def test_a_leap_day_eight_years_away_is_found():
    plan = a_crontab("0", "0", zone="UTC", day_of_month="29", month_of_year="2")

    assert next(times_after(plan, datetime(2096, 3, 1, tzinfo=UTC))) == datetime(2104, 2, 29, tzinfo=UTC)


def test_a_crontab_is_due_in_the_hour_that_comes_twice():
    first, second = datetime(2026, 10, 25, 0, 50, tzinfo=UTC), datetime(2026, 10, 25, 1, 0, 5, tzinfo=UTC)

    with time_machine.travel(second, tick=False):
        ours = ExactCrontab.of(TzAwareCrontab(minute="*/10", tz=ZoneInfo("Europe/Berlin"))).is_due(first)
        library = TzAwareCrontab(minute="*/10", tz=ZoneInfo("Europe/Berlin")).is_due(first)

    assert (ours.is_due, round(ours.next)) == (True, 595)
    assert not library.is_due, mended("celery", "ExactCrontab")
