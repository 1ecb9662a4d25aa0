"""An entry of the schedule: checked when it is read, written from the code only where the code has changed."""

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import structlog
from celery.schedules import crontab, maybe_schedule, schedstate
from django.db.models import QuerySet
from django.utils import timezone
from django_celery_beat.clockedschedule import clocked
from django_celery_beat.models import PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import ModelEntry
from django_celery_beat.utils import NEVER_CHECK_TIMEOUT

from celery_ledger.models import BeatEntry, MissedTicks
from celery_ledger.schedule.crontabs import ExactCrontab
from celery_ledger.schedule.ticks import default_policy, plan_of

log = structlog.get_logger(__name__)

#: Clocks of hosts, and of one host before and after it is set, differ by less than this.
CLOCK_TOLERANCE = timedelta(seconds=5)
#: What `BeatEntry.shipped` is where the code no longer has the entry and beat has disabled it for that.
WITHDRAWN = "withdrawn"

_SCHEDULES = ("interval", "crontab", "solar", "clocked")
_OPTIONS = frozenset({"queue", "exchange", "routing_key", "priority", "headers", "expires", "expire_seconds"})
_NOT_OFFERED = ("exchange", "routing_key")


class EntryGone(Exception):
    """The row was deleted or disabled since beat read it."""


class LedgerEntry(ModelEntry):  # type: ignore[misc]  # the library is untyped
    """A row of django-celery-beat. Raises ValueError, in making, for one that can never tick.

    The library would disable such an entry, or end beat.
    """

    schedule: Any
    last_run_at: datetime

    def __init__(self, model: Any, app: Any = None) -> None:
        _check(model)
        self.never_ran = model.last_run_at is None
        super().__init__(model, app=app)
        if isinstance(self.schedule, crontab):
            self.schedule = ExactCrontab.of(self.schedule)

    @property
    def beat_entry(self) -> BeatEntry:
        """What the ledger knows of it."""
        known: BeatEntry | None = getattr(self.model, "beat_entry", None)
        return known or BeatEntry(name=self.name)

    @property
    def policy(self) -> MissedTicks:
        """What becomes of its missed ticks. One that never ran since it was made or enabled has missed one at most."""
        policy = MissedTicks(self.beat_entry.missed or default_policy(self.schedule))
        return MissedTicks.ONCE if self.never_ran and policy == MissedTicks.EACH else policy

    @property
    def owed_since(self) -> datetime:
        """The latest of last run, last change, enabling and start: no tick from before that is owed."""
        since = (
            self.last_run_at,
            self.model.date_changed,
            self.beat_entry.owed_since,
            self.model.start_time,
        )
        return max(moment for moment in since if moment is not None)

    def is_due(self) -> schedstate:
        """Return whether the entry owes a tick, and the seconds until the next look."""
        model = self.model
        if model.one_off and model.enabled and model.total_run_count > 0:
            self._disable(model)
            return schedstate(is_due=False, next=NEVER_CHECK_TIMEOUT)
        if (
            isinstance(self.schedule, clocked)
            and not model.one_off
            and self._ran_after(self.schedule.clocked_time)
        ):
            return schedstate(is_due=False, next=NEVER_CHECK_TIMEOUT)
        return super().is_due()  # type: ignore[no-any-return]  # untyped

    def note_plan(self, changed_at: datetime, now: datetime) -> None:
        """Remember the schedule; where it is another one than before, its ticks are owed from the change on.

        Forget why the entry was refused, where somebody has edited it since.
        """
        known, plan = self.beat_entry, plan_of(self.schedule)
        is_mended = known.refused_at is not None and known.refused_at < self.model.date_changed
        if known.plan == plan and not is_mended:
            return
        if known.plan not in ("", plan):
            # A change from before beat last saw the other plan is not the one that brought this plan.
            is_newer = known.owed_since is None or changed_at > known.owed_since
            known.owed_since = changed_at if is_newer else now
        if is_mended:
            known.refused, known.refused_at = "", None
        known.plan = plan
        known.save()

    def correct_last_run(self, now: datetime) -> None:
        """Take a last run in the future, which a wrong clock has written, as one of now.

        The entry would not tick until that moment.
        """
        if self.last_run_at <= now + CLOCK_TOLERANCE:
            return
        log.warning("last_run_corrected", entry=self.name, last_run_at=self.last_run_at.isoformat())
        self.last_run_at = self.model.last_run_at = now
        self._row().filter(last_run_at__gt=now).update(last_run_at=now)

    def write_last_run(self) -> None:
        """Write the last run. The library's `save` would also make now the moment of the last change by a person.

        Raises EntryGone where the row is not there any more, or not enabled.
        """
        fields = {name: getattr(self.model, name) for name in ("last_run_at", "total_run_count")}
        if not self._row().filter(enabled=True).update(**fields):
            raise EntryGone(self.name)

    def _disable(self, model: Any) -> None:
        # The library writes back each column as beat had read it, over what was edited since, and a deleted row anew.
        model.enabled = False
        as_read = {"one_off": model.one_off, "expires": model.expires}
        disabled = {"enabled": False, "total_run_count": 0, "date_changed": timezone.now()}
        if self._row().filter(enabled=True, **as_read).update(**disabled):
            PeriodicTasks.update_changed()

    def _default_now(self) -> datetime:
        # With DJANGO_CELERY_BEAT_TZ_AWARE off the library's is naive, and can't be compared with what rows hold.
        return datetime.now(self.app.timezone)

    def _ran_after(self, moment: datetime) -> bool:
        return not self.never_ran and self.last_run_at >= moment

    def _row(self) -> QuerySet[Any]:
        return type(self.model).objects.filter(pk=self.model.pk)  # type: ignore[no-any-return]  # untyped


def ship(name: str, fields: dict[str, Any]) -> None:
    """Write an entry of the code's `beat_schedule`, where the code has changed since it was written or the row is gone.

    So an edit in the admin lasts until a release changes that entry. A row of which is not known what the code last
    had, as after an upgrade from a release that did not note it, stays as it is.
    Raises TypeError for an option that is not known.
    """
    wanted = _columns_of(**fields)
    kept = {column: str(value) for column, value in wanted.items() if column not in _SCHEDULES}
    plan: Any = maybe_schedule(fields["schedule"])
    kept["schedule"] = plan_of(plan)
    definition = json.dumps(kept, sort_keys=True)
    known = BeatEntry.objects.filter(name=name).first() or BeatEntry(name=name)
    row = PeriodicTask.objects.filter(name=name).first()
    if row is not None and known.shipped == definition:
        return
    if known.shipped == WITHDRAWN:
        wanted["enabled"] = True
    differs = row is None or any(getattr(row, column) != value for column, value in wanted.items())
    if row is not None and not known.shipped and differs:
        # Written by a release that did not note what it shipped, and edited in the admin since.
        log.warning("entry_kept_as_edited", entry=name)
    elif differs:
        row = row or PeriodicTask(name=name)
        for column, value in wanted.items():
            setattr(row, column, value)
        row.save()
        log.info("entry_shipped", entry=name)
    known.shipped = definition
    known.save()


def withdraw(present: Collection[str]) -> None:
    """Disable each entry that the code once had and has no longer. An entry that comes back is enabled again."""
    for known in BeatEntry.objects.exclude(shipped__in=("", WITHDRAWN)).exclude(name__in=present):
        rows = PeriodicTask.objects.filter(name=known.name, enabled=True)
        is_disabled = rows.update(enabled=False, date_changed=timezone.now())
        known.shipped = WITHDRAWN if is_disabled else ""
        known.save(update_fields=["shipped"])
        if is_disabled:
            PeriodicTasks.update_changed()
            log.warning("entry_withdrawn", entry=known.name)


def _columns_of(*, schedule: Any, options: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    options = dict(options or {})
    unknown = (options.keys() - _OPTIONS) | (fields.keys() - {"task", "args", "kwargs"})
    if unknown:
        raise TypeError(f"not offered in beat_schedule: {', '.join(sorted(unknown))}")
    expires = options.pop("expires", None)
    at = expires if isinstance(expires, datetime) else None
    if expires is not None and at is None:
        options["expire_seconds"] = int(
            expires.total_seconds() if isinstance(expires, timedelta) else expires
        )
    columns: dict[str, Any] = LedgerEntry._unpack_fields(  # noqa: SLF001 - the library's own mapping
        maybe_schedule(schedule), options=options, **fields
    )
    return columns | {"expires": at}


def _check(model: Any) -> None:
    if not any(getattr(model, name) for name in _SCHEDULES):
        raise ValueError("it has no schedule")
    if model.interval and model.interval.every < 1:
        raise ValueError(f"its interval is {model.interval.every}; it must be positive")
    _check_json("args", model.args or "[]", list)
    _check_json("headers", model.headers or "{}", dict)
    _check_json("kwargs", model.kwargs or "{}", dict)
    for option in _NOT_OFFERED:
        if getattr(model, option):
            raise ValueError(f"{option} is not offered; set its queue instead")


def _check_json(column: str, text: str, kind: type) -> None:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ValueError(f"its {column} are no JSON: {error}") from None
    if not isinstance(value, kind):
        raise ValueError(f"its {column} must be a JSON {'array' if kind is list else 'object'}, not {text}")  # noqa: TRY004
