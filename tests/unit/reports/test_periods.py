"""Days and weeks, in UTC."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from reports.models import ReportKind
from reports.periods import last_over, period_with


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


def test_a_day_is_from_midnight_to_midnight():
    period = period_with(ReportKind.DAILY, date(2026, 3, 29))

    assert (period.start, period.end) == (utc(2026, 3, 29), utc(2026, 3, 30))


@pytest.mark.parametrize("day", [date(2026, 1, 5), date(2026, 1, 8), date(2026, 1, 11)])
def test_a_week_is_from_monday_to_monday(day):
    period = period_with(ReportKind.WEEKLY, day)

    assert (period.start, period.end) == (utc(2026, 1, 5), utc(2026, 1, 12))


def test_the_last_period_that_is_over():
    monday_night = utc(2026, 1, 12, 0, 30)

    assert last_over(ReportKind.DAILY, monday_night).start == utc(2026, 1, 11)
    assert last_over(ReportKind.WEEKLY, monday_night).start == utc(2026, 1, 5)
    assert last_over(ReportKind.WEEKLY, utc(2026, 1, 11, 23, 59)).start == utc(2025, 12, 29)


def test_the_day_is_utcs_whatever_zone_asks():
    tokyo = datetime(2026, 1, 12, 8, tzinfo=timezone(timedelta(hours=9)))

    assert last_over(ReportKind.DAILY, tokyo).start == utc(2026, 1, 10)


def test_a_period_is_over_at_its_end_and_not_before():
    period = period_with(ReportKind.DAILY, date(2026, 1, 5))

    assert period.is_over(utc(2026, 1, 6))
    assert not period.is_over(utc(2026, 1, 5, 23, 59, 59))


def test_a_period_has_a_name_for_people_and_one_for_files():
    assert period_with(ReportKind.DAILY, date(2026, 1, 5)).title == "Monday, 05 January 2026"
    assert period_with(ReportKind.WEEKLY, date(2026, 1, 7)).stem == "offstage-weekly-2026-01-05"
