"""Which ticks an entry of the schedule owes, and what each is called: the same for every beat that sees it."""

import math
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from uuid import NAMESPACE_OID, uuid5

from celery.schedules import BaseSchedule, crontab
from django_celery_beat.clockedschedule import clocked

from celery_ledger.models import MissedTicks
from celery_ledger.schedule.crontabs import Crontab, times_after

#: After a long time without any beat, so many missed ticks of an entry are made up for, the latest ones.
MAX_MISSED = 100
MISSED_WITHIN = timedelta(days=7)
#: A tick that is later than this was missed.
ON_TIME = timedelta(minutes=1)
_FIELDS = ("_orig_minute", "_orig_hour", "_orig_day_of_month", "_orig_month_of_year", "_orig_day_of_week")
#: The column unique_key of a job.
_MAX_KEY_LENGTH = 200


@dataclass(frozen=True)
class Moment:
    """A due moment: its name, and when it was where it is a time of the clock."""

    name: str
    at: datetime | None = None

    @classmethod
    def of(cls, at: datetime) -> "Moment":
        """Return the moment of this minute."""
        minute = at.astimezone(UTC).replace(second=0, microsecond=0)
        return cls(f"{minute:%Y-%m-%dT%H:%M}", minute)


def default_policy(plan: BaseSchedule) -> MissedTicks:
    """Return what becomes of missed ticks where the entry itself does not say.

    =======================================  ======
    an interval, an event of the sun         once
    a crontab with several times an hour     once
    any other crontab (hourly, daily, ...)   each
    =======================================  ======
    """
    fields: Crontab = plan
    is_rare = isinstance(plan, crontab) and len(fields.minute) == 1
    return MissedTicks.EACH if is_rare else MissedTicks.ONCE


def moments_owed(plan: BaseSchedule, policy: MissedTicks, since: datetime, now: datetime) -> list[Moment]:
    """Return the moments of an entry that is due, of those after `since`, as its policy has it.

    At least one, except where it was missed and the policy is to skip such ones: an entry is also due when it was
    changed, enabled or started between two of its times, and then that moment is the one.
    """
    since = min(since, now)
    if isinstance(plan, crontab):
        times = times_after(plan, max(since, now - MISSED_WITHIN))
        due = [Moment.of(at) for at in deque(takewhile(lambda at: at <= now, times), MAX_MISSED) or [since]]
        return _chosen(due, policy, due[-1].at, now)
    if isinstance(plan, clocked):
        return _chosen([Moment.of(plan.clocked_time)], policy, plan.clocked_time, now)
    every = _seconds_of(plan)
    count = min(MAX_MISSED, max(1, math.floor((now - since).total_seconds() / every)))
    last = math.floor(now.timestamp() / every)
    due = [Moment(str(number)) for number in range(last - count + 1, last + 1)]
    return _chosen(due, policy, since + timedelta(seconds=every), now)


def key_of(entry: str, moment: str) -> str:
    """Return the unique key of a tick's job."""
    key = f"{entry}@{moment}"
    return key if len(key) <= _MAX_KEY_LENGTH else f"{uuid5(NAMESPACE_OID, entry)}@{moment}"


def plan_of(plan: BaseSchedule) -> str:
    """Return one line that is another one where the schedule is."""
    fields: Crontab = plan
    if isinstance(plan, crontab):
        parts = [getattr(fields, name) for name in _FIELDS]
        return " ".join(map(str, (*parts, fields.tz)))
    if isinstance(plan, clocked):
        return str(fields.clocked_time.isoformat())
    return repr(plan)


def _chosen(due: list[Moment], policy: MissedTicks, latest: datetime | None, now: datetime) -> list[Moment]:
    if policy == MissedTicks.EACH:
        return due
    if policy == MissedTicks.SKIP and latest is not None and now - latest > ON_TIME:
        return []
    return due[-1:]


def _seconds_of(plan: BaseSchedule) -> float:
    # An event of the sun comes once a day.
    every: timedelta = getattr(plan, "run_every", timedelta(days=1))
    return every.total_seconds()
