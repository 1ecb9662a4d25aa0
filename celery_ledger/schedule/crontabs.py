"""The times that a crontab names, exact where a zone puts its clocks forward or back.

Celery compares hours and minutes of the wall clock, and so leaves out an hour that comes twice. As in cron itself:
a crontab of every hour follows elapsed time; any other one has each of its times once a day, one in a skipped hour as
much later as the clocks were put forward.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from celery.schedules import schedstate
from django_celery_beat.tzcrontab import TzAwareCrontab
from django_celery_beat.utils import NEVER_CHECK_TIMEOUT

#: A celery.schedules.crontab, whose fields celery-types leaves out.
Crontab = Any

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_HOURS_OF_A_DAY = 24
#: 29 February on a given day of the week is at most 40 years away.
_HORIZON_DAYS = 41 * 366


class ExactCrontab(TzAwareCrontab):  # type: ignore[misc]  # the library is untyped
    """A crontab that is due at the times of `times_after`."""

    @classmethod
    def of(cls, plan: Crontab) -> "ExactCrontab":
        """Return the same crontab."""
        return cls(
            minute=plan._orig_minute,  # noqa: SLF001 - django-celery-beat reads them too
            hour=plan._orig_hour,  # noqa: SLF001
            day_of_week=plan._orig_day_of_week,  # noqa: SLF001
            day_of_month=plan._orig_day_of_month,  # noqa: SLF001
            month_of_year=plan._orig_month_of_year,  # noqa: SLF001
            tz=plan.tz,
        )

    def is_due(self, last_run_at: datetime) -> schedstate:
        """Return whether one of its times came after the last run, and the seconds until the next one."""
        now = self.now()
        following = next(times_after(self, now), None)
        first = next(times_after(self, last_run_at), None)
        seconds = NEVER_CHECK_TIMEOUT if following is None else (following - now).total_seconds()
        return schedstate(first is not None and first <= now, seconds)


def times_after(plan: Crontab, after: datetime) -> Iterator[datetime]:
    """Yield the times of a crontab after that one, in order; ends where no more comes."""
    days = _times_by_elapsed_time if len(plan.hour) == _HOURS_OF_A_DAY else _times_by_wall_clock
    return days(plan, after, plan.tz)


def _times_by_elapsed_time(plan: Crontab, after: datetime, zone: tzinfo) -> Iterator[datetime]:
    moment = after.astimezone(UTC).replace(second=0, microsecond=0) + _MINUTE
    fruitless_days = 0
    while fruitless_days < _HORIZON_DAYS:
        local = moment.astimezone(zone)
        if not _names_day(plan, local.date()):
            moment = max(moment + _MINUTE, _instant(local.date() + _DAY, time(), zone))
            fruitless_days += 1
            continue
        if local.minute in plan.minute:
            fruitless_days = 0
            yield moment
        moment += _MINUTE


def _times_by_wall_clock(plan: Crontab, after: datetime, zone: tzinfo) -> Iterator[datetime]:
    # A time in a skipped hour before midnight comes on the next day.
    day = after.astimezone(zone).date() - _DAY
    fruitless_days = 0
    while fruitless_days < _HORIZON_DAYS:
        fruitless_days += 1
        if _names_day(plan, day):
            times = {_instant(day, time(hour, minute), zone) for hour in plan.hour for minute in plan.minute}
            for moment in sorted(times):
                if moment > after:
                    fruitless_days = 0
                    yield moment
        day += _DAY


def _names_day(plan: Crontab, day: date) -> bool:
    # Sunday is 0.
    return (
        day.month in plan.month_of_year
        and day.day in plan.day_of_month
        and day.isoweekday() % 7 in plan.day_of_week
    )


def _instant(day: date, clock: time, zone: tzinfo) -> datetime:
    # A time that comes twice is the first one; one that does not come has the offset from before.
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)
