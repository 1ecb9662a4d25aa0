"""The beat scheduler: each due moment of a schedule entry is a job with a unique key.

Two beats may run for failover: the key (entry and tick) makes one job of what both ask for.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from celery.schedules import crontab, schedule
from django.db import Error, close_old_connections
from django_celery_beat.schedulers import DatabaseScheduler

from jobs.enqueue import enqueue

log = structlog.get_logger(__name__)


class LedgerScheduler(DatabaseScheduler):  # type: ignore[misc]  # the library is untyped
    """django-celery-beat's scheduler with the ledger behind it: no broker is needed to tick."""

    # Celery would connect to the broker here, and block while it is away.
    producer = None

    def __init__(self, *args: Any, **options: Any) -> None:
        self._owed: list[Tick] = []
        super().__init__(*args, **options)

    def apply_entry(self, entry: Any, producer: object = None) -> None:
        """Note the tick that is due; `tick` enqueues its job."""
        self._owed.append(Tick.of(entry, self.app.now()))

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Do what is due; returns the seconds until the next look.

        Celery advances an entry before it asks for its task, and forgets a tick that could not be asked for.
        Here it is owed until the ledger has it: an outage of the database delays a tick and skips none.
        """
        close_old_connections()
        try:
            pause = float(super().tick(*args, **kwargs))
            while self._owed:
                self._owed[0].enqueue()
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

    @classmethod
    def of(cls, entry: Any, now: datetime) -> "Tick":
        """Return the tick of `entry` that `now` belongs to."""
        return cls(
            entry.name,
            entry.task,
            tuple(entry.args or ()),
            entry.kwargs or {},
            moment_of(entry.schedule, now),
        )

    def enqueue(self) -> None:
        """Enqueue the tick's job. Twice, or by a second beat: one job."""
        enqueue(self.task, *self.args, kwargs=self.kwargs, unique_key=f"{self.entry}@{self.moment}")
        log.info("tick_enqueued", entry=self.entry, moment=self.moment)


def moment_of(plan: schedule, now: datetime) -> str:
    """Return the name of the due moment that `now` belongs to: the same for every beat that sees it."""
    if isinstance(plan, crontab):
        return now.strftime("%Y-%m-%dT%H:%M")
    return str(int(now.timestamp() // plan.run_every.total_seconds()))
