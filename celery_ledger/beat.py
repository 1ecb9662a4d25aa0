"""The beat scheduler: each due moment of a schedule entry is a job with a unique key.

Two beats may run for failover, and one may be killed at any instant: the key (entry and moment) makes one job of
what is asked for twice, and what fell due while no beat ran is asked for when one is back, as the entry's policy says
(`celery_ledger.schedule.ticks`). An entry that can't tick is refused by itself, and all others tick.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from celery import current_app
from django.db import close_old_connections
from django.db.models import QuerySet
from django.utils import timezone
from django_celery_beat.schedulers import DatabaseScheduler

from celery_ledger import faultpoints, poolers
from celery_ledger.ledger import outages
from celery_ledger.models import BeatEntry
from celery_ledger.schedule.schedule_entries import CLOCK_TOLERANCE, EntryGone, LedgerEntry, ship, withdraw
from celery_ledger.schedule.ticks import Moment, key_of, moments_owed
from celery_ledger.values.texts import storable

log = structlog.get_logger(__name__)

#: How long beat waits before it asks again for a database that is away.
WAIT_SECONDS = 1.0
#: The plan of an entry that is disabled: enabled again, it owes what falls due from then on.
_DISABLED = "disabled"


class LedgerScheduler(DatabaseScheduler):  # type: ignore[misc]  # the library is untyped
    """django-celery-beat's scheduler with the ledger behind it: no broker is needed to tick.

    What it does otherwise was so with celery 5.7.0 and django-celery-beat 2.9.0; the tests say when it is not any more.
    """

    Entry = LedgerEntry
    # Celery would connect to the broker here, and block while it is away.
    producer = None

    def __init__(self, *args: Any, **options: Any) -> None:
        self._owed: list[Owed] = []
        self._is_set_up = False
        self._unshipped: set[str] = set()
        self._unreadable: set[str] = set()
        self._pause = WAIT_SECONDS
        self._read_at: datetime | None = None
        self._clock_offset = float("-inf")
        super().__init__(*args, **options)

    def setup_schedule(self) -> None:
        """Leave it to the first tick: it waits for a database that is away or not migrated yet."""
        poolers.refuse_transaction_pooling()

    def enabled_models_qs(self) -> QuerySet[Any]:
        """Return every enabled entry.

        The library leaves out crontabs whose hour is more than two hours away, and with them the ticks that a
        beat owes after a longer outage.
        """
        related = ("interval", "crontab", "solar", "clocked")
        return self.Model.objects.enabled().select_related(*related)  # type: ignore[no-any-return]  # untyped

    def enabled_models(self) -> list[Any]:
        """Return every enabled entry that can be read; each other one is refused by itself."""
        rows, models = self.enabled_models_qs(), list[Any]()
        self._unreadable = set()
        # A zone that the system does not know fails in the conversion of its row, and the query with it.
        if outages.isolated(lambda: models.extend(rows)) is None:
            return models
        for key, name in rows.values_list("pk", "name"):
            error = outages.isolated(lambda key=key: models.extend(rows.filter(pk=key)))  # type: ignore[misc]
            if error is not None:
                self._unreadable.add(name)
                _refuse(name, error)
        return models

    def all_as_schedule(self) -> dict[str, LedgerEntry]:
        """Return the entries that can tick; the others are refused, each with its reason."""
        known = {entry.name: entry for entry in BeatEntry.objects.all()}
        now = timezone.now()
        changed_at = self._changed_at(now)
        schedule: dict[str, LedgerEntry] = {}
        models = self.enabled_models()
        for model in models:
            model.beat_entry = known.get(model.name) or BeatEntry(name=model.name)
            error = outages.isolated(lambda model=model: self._add(schedule, model, changed_at, now))  # type: ignore[misc]
            if error is not None:
                _refuse(model.name, error)
        present = {model.name for model in models} | self._unshipped | self._unreadable
        BeatEntry.objects.exclude(name__in=present).update(
            plan=_DISABLED, owed_since=now, refused="", refused_at=None
        )
        return schedule

    def update_from_dict(self, mapping: Mapping[str, dict[str, Any]]) -> None:
        """Write the code's entries into the database, and disable those that the code no longer has.

        One that can't be written is refused by itself.
        """
        for name, fields in mapping.items():
            error = outages.isolated(lambda name=name, fields=fields: ship(name, fields))  # type: ignore[misc]
            if error is not None:
                self._unshipped.add(name)
                _refuse(name, error)
        withdraw(mapping.keys())

    def sync(self) -> None:
        """Write nothing: each last run is written with its job."""
        self._dirty.clear()

    def apply_entry(self, entry: LedgerEntry, producer: object = None) -> None:
        """Note the ticks that are due; `tick` enqueues their jobs."""
        error = outages.failure_of(lambda: self._owed.append(Owed.by(entry, self.app.now())))
        if error is not None:
            _refuse(entry.name, error)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Do what is due; returns the seconds until the next look. Nothing that goes wrong ends beat.

        Celery advances an entry before it asks for its task, and forgets a tick that could not be asked for.
        Here it is owed until the ledger has it: an outage of the database delays a tick and skips none.
        """
        close_old_connections()
        error = outages.failure_of(lambda: self._tick(*args, **kwargs))
        if error is None:
            return self._pause
        if outages.is_outage(error) or outages.is_unmigrated(error):
            log.warning("beat_waits", reason=str(error), owed=len(self._owed))
        else:
            log.error("beat_failed", reason=str(error), exc_info=error)
        self._initial_read = True  # the library takes a read that failed for one that was done
        return WAIT_SECONDS

    def _tick(self, *args: Any, **kwargs: Any) -> None:
        self._notice_clock()
        if not self._is_set_up:
            self.update_from_dict(self.app.conf.beat_schedule)
            self._is_set_up = True
        self._pause = float(super().tick(*args, **kwargs))
        while self._owed:
            faultpoints.reach("beat.owed")
            self._owed[0].enqueue()
            faultpoints.reach("beat.enqueued")
            self._owed.pop(0)

    def _notice_clock(self) -> None:
        """Read all entries again where the clock was put back: their next times lie in a future that is gone."""
        offset = time.time() - time.monotonic()
        if offset < self._clock_offset - CLOCK_TOLERANCE.total_seconds():
            log.warning("clock_put_back", seconds=round(self._clock_offset - offset))
            self._heap = None
            self._initial_read = True
        self._clock_offset = offset

    def _changed_at(self, now: datetime) -> datetime:
        """Return when rows were changed since they were last read; now, where that was not noted.

        The library notes each `save`, and no bulk update.
        """
        noted, read_at = self.Changes.last_change(), self._read_at
        self._read_at = now
        is_known = noted is not None and noted <= now and (read_at is None or noted > read_at)
        return noted if is_known else now

    def _add(self, schedule: dict[str, LedgerEntry], model: Any, changed_at: datetime, now: datetime) -> None:
        entry = self.Entry(model, app=self.app)
        entry.correct_last_run(now)
        entry.note_plan(changed_at, now)
        schedule[entry.name] = entry


@dataclass(frozen=True)
class Owed:
    """The ticks of an entry that are not in the ledger yet."""

    entry: str
    task: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    options: dict[str, Any]
    moments: list[Moment]
    is_refused: bool
    write_last_run: Callable[[], None]

    @classmethod
    def by(cls, entry: LedgerEntry, now: datetime) -> "Owed":
        """Return what a due entry owes now."""
        moments = moments_owed(entry.schedule, entry.policy, entry.owed_since, now)
        if entry.model.one_off:
            # One tick for each time that it is enabled, whatever the moment: beat may be killed before it disables it.
            armed = entry.model.date_changed.isoformat()
            moments = [Moment(f"once since {armed}", moment.at) for moment in moments[-1:]]
        return cls(
            entry=entry.name,
            task=entry.task,
            args=tuple(entry.args or ()),
            kwargs=entry.kwargs or {},
            options=entry.options,
            moments=moments,
            is_refused=bool(entry.beat_entry.refused),
            write_last_run=entry.write_last_run,
        )

    def enqueue(self) -> None:
        """Write the jobs and the entry's last run, both or neither; what can't be enqueued is refused by itself.

        Twice, or by a second beat: one job for each moment.
        """
        error = outages.isolated(self._write)
        if isinstance(error, EntryGone):
            log.info("tick_dropped", entry=self.entry, reason="deleted or disabled")
            return
        if error is None:
            if self.is_refused:
                _accept(self.entry)
            for moment in self.moments:
                log.info("tick_enqueued", entry=self.entry, moment=moment.name)
            return
        outages.isolated(self.write_last_run)
        _refuse(self.entry, error)

    def _write(self) -> None:
        self.write_last_run()
        for moment in self.moments:
            # To run when its moment has come by the database's clock: a beat's may be ahead.
            current_app.send_task(
                self.task,
                args=self.args,
                kwargs=self.kwargs,
                eta=moment.at,
                unique_key=key_of(self.entry, moment.name),
                **self.options,
            )


def _refuse(name: str, error: Exception) -> None:
    """Say loudly that an entry can't tick: in the log, and in its row for the admin and the metrics."""
    reason = storable(f"{type(error).__name__}: {error}")
    log.error("entry_refused", entry=name, reason=reason)
    refused = {"refused": reason, "refused_at": timezone.now()}
    outages.isolated(lambda: BeatEntry.objects.update_or_create(name=name, defaults=refused))


def _accept(name: str) -> None:
    BeatEntry.objects.filter(name=name).update(refused="", refused_at=None)
