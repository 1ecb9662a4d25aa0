"""The beat scheduler: each due moment of a schedule entry is a job with a unique key.

Two beats may run for failover, and one may be killed at any instant: the key (entry and moment) makes one job of
what is asked for twice, and what fell due while no beat ran is asked for when one is back.
"""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from celery.schedules import BaseSchedule, crontab
from django.db import Error, close_old_connections
from django.db.models import QuerySet
from django_celery_beat.clockedschedule import clocked
from django_celery_beat.schedulers import DatabaseScheduler

from jobs import faultpoints
from jobs.enqueue import enqueue
from jobs.errors import LedgerError

log = structlog.get_logger(__name__)

#: After a long time without any beat, so many missed ticks of an entry are made up for, the latest ones.
MAX_MISSED = 100
MISSED_WITHIN = timedelta(days=7)


class LedgerScheduler(DatabaseScheduler):  # type: ignore[misc]  # the library is untyped
    """django-celery-beat's scheduler with the ledger behind it: no broker is needed to tick.

    What it does otherwise was so with celery 5.7.0 and django-celery-beat 2.9.0; the tests say when it is not any more.
    """

    # Celery would connect to the broker here, and block while it is away.
    producer = None

    def __init__(self, *args: Any, **options: Any) -> None:
        self._owed: list[Tick] = []
        super().__init__(*args, **options)

    def enabled_models_qs(self) -> QuerySet[Any]:
        """Return every enabled entry.

        The library leaves out crontabs whose hour is more than two hours away, and with them the ticks that a
        beat owes after a longer outage.
        """
        return self.Model.objects.enabled()  # type: ignore[no-any-return]  # the library is untyped

    def apply_entry(self, entry: Any, producer: object = None) -> None:
        """Note the ticks that are due; `tick` enqueues their jobs."""
        self._owed += ticks_of(entry, self.app.now())

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Do what is due; returns the seconds until the next look.

        Celery advances an entry before it asks for its task, and forgets a tick that could not be asked for.
        Here it is owed until the ledger has it: an outage of the database delays a tick and skips none.
        """
        close_old_connections()
        try:
            pause = float(super().tick(*args, **kwargs))
            while self._owed:
                faultpoints.reach("beat.owed")
                self._owed[0].enqueue()
                faultpoints.reach("beat.enqueued")
                self._owed.pop(0)
        except Error as error:
            log.warning("beat_waits", reason=str(error), owed=len(self._owed))
            return 1.0
        return pause


@dataclass(frozen=True)
class Tick:
    """One due moment of one schedule entry."""

    entry: str
    task: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    moment: str
    run_at: datetime | None

    def enqueue(self) -> None:
        """Enqueue the tick's job, to run when its moment has come by the database's clock: a beat's may be ahead.

        Twice, or by a second beat: one job.
        An entry that somebody misspelt in the admin is refused loudly, and stops no other entry.
        """
        try:
            enqueue(
                self.task,
                *self.args,
                kwargs=self.kwargs,
                unique_key=f"{self.entry}@{self.moment}",
                run_at=self.run_at,
            )
        except (LedgerError, TypeError) as error:
            log.error(  # noqa: TRY400 - its traceback says nothing more
                "tick_refused", entry=self.entry, moment=self.moment, reason=str(error)
            )
            return
        log.info("tick_enqueued", entry=self.entry, moment=self.moment)


def ticks_of(entry: Any, now: datetime) -> list[Tick]:
    """Return the ticks of `entry` that fell due since it was last run."""
    moments = moments_of(entry.schedule, entry.last_run_at, now)
    args, kwargs = tuple(entry.args or ()), entry.kwargs or {}
    is_named = isinstance(entry.schedule, crontab | clocked)
    return [
        Tick(entry.name, entry.task, args, kwargs, moment, _instant(moment) if is_named else None)
        for moment in moments
    ]


def moments_of(plan: BaseSchedule, last_run_at: datetime, now: datetime) -> list[str]:
    """Return the names of the due moments after `last_run_at`: the same for every beat that sees them.

    A crontab names moments, and each missed one is made up for. An interval names a rhythm: one tick is enough
    after however long a pause, numbered by whole intervals since 1970.
    """
    if isinstance(plan, crontab):
        missed = deque(_crontab(plan, max(last_run_at, now - MISSED_WITHIN), now), MAX_MISSED)
        # None: due for another reason, such as a start time of its own. Then this minute is the moment.
        return [_minute(moment) for moment in missed or (now,)]
    if isinstance(plan, clocked):
        return [_minute(plan.clocked_time)]
    every: timedelta = getattr(plan, "run_every", timedelta(days=1))  # an event of the sun comes once a day
    return [str(math.floor(now.timestamp() / every.total_seconds()))]


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M}"


def _instant(minute: str) -> datetime:
    return datetime.fromisoformat(minute).replace(tzinfo=UTC)


def _crontab(plan: crontab, last_run_at: datetime, now: datetime) -> Iterator[datetime]:
    moment = last_run_at
    while True:
        since, until_next, _now = plan.remaining_delta(moment)
        moment = since + until_next
        if moment > now:
            return
        yield moment
