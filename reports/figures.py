"""The numbers of a report, read from the ledger, the accounts and the videos."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import (
    Aggregate,
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    FloatField,
    Func,
    Q,
    QuerySet,
    Sum,
)
from django.db.models.functions import TruncDay, TruncHour

from accounts.models import User
from celery_ledger.models import Job, JobError
from celery_ledger.states import FINISHED, JobState
from media_pipeline.models import Video, VideoState
from reports.models import ReportKind
from reports.periods import Period


@dataclass(frozen=True)
class TaskFigures:
    """One task in the period. Waits and runs are seconds of jobs that ended; None where none did."""

    name: str
    queue: str
    succeeded: int = 0
    failed_attempts: int = 0
    dead: int = 0
    cancelled: int = 0
    wait_median_seconds: float | None = None
    wait_p95_seconds: float | None = None
    run_median_seconds: float | None = None
    run_p95_seconds: float | None = None


@dataclass(frozen=True)
class Moment:
    """One bar of the picture: an hour of a day, or a day of a week."""

    start: datetime
    succeeded: int
    dead: int


@dataclass(frozen=True)
class Figures:
    """All numbers of a report."""

    tasks: tuple[TaskFigures, ...]
    course: tuple[Moment, ...]
    signups: int
    verified: int
    films_uploaded: int
    films_ready: int
    films_failed: int
    minutes_encoded: float
    is_complete: bool
    """False where the ledger no longer keeps all jobs of the period."""

    @property
    def succeeded(self) -> int:
        """Return how many jobs succeeded."""
        return sum(task.succeeded for task in self.tasks)

    @property
    def failed_attempts(self) -> int:
        """Return how many attempts failed, those that were repeated included."""
        return sum(task.failed_attempts for task in self.tasks)

    @property
    def dead(self) -> int:
        """Return how many jobs ended dead."""
        return sum(task.dead for task in self.tasks)


def collect(period: Period, now: datetime) -> Figures:
    """Return the figures of the period."""
    films = _films(period)
    return Figures(
        tasks=_tasks(period),
        course=_course(period),
        signups=User.objects.filter(created_at__gte=period.start, created_at__lt=period.end).count(),
        verified=User.objects.filter(verified_at__gte=period.start, verified_at__lt=period.end).count(),
        films_uploaded=Video.objects.filter(created_at__gte=period.start, created_at__lt=period.end).count(),
        films_ready=films.filter(state=VideoState.READY).count(),
        films_failed=films.filter(state=VideoState.FAILED).count(),
        minutes_encoded=_minutes(films.filter(state=VideoState.READY)),
        is_complete=period.start > now - timedelta(days=settings.JOB_RETENTION_DAYS, hours=1),
    )


class _Percentile(Aggregate):
    """PostgreSQL's percentile_cont."""

    name = "percentile"
    template = "percentile_cont(%(share)s) within group (order by %(expressions)s)"
    output_field = FloatField()


def _tasks(period: Period) -> tuple[TaskFigures, ...]:
    tasks: dict[str, dict[str, Any]] = {row["name"]: row for row in _ended_by_task(period)}
    for row in _failures_by_task(period):
        tasks.setdefault(row["name"], {}).update(row)
    return tuple(TaskFigures(**tasks[name]) for name in sorted(tasks))


def _ended(period: Period) -> QuerySet[Job]:
    # The states say nothing new, but without them the index of ended jobs does not apply.
    ended = Job.objects.filter(state__in=FINISHED)
    return ended.filter(finished_at__gte=period.start, finished_at__lt=period.end).order_by()


def _ended_by_task(period: Period) -> list[dict[str, Any]]:
    # A job's times are those of its last attempt: waited from when it was due, ran from when it was claimed.
    wait, run = _seconds(F("started_at") - F("run_at")), _seconds(F("finished_at") - F("started_at"))
    ran = Q(state=JobState.SUCCEEDED) | Q(state=JobState.DEAD)
    rows = (
        _ended(period)
        .values("name", "queue")
        .annotate(
            succeeded=Count("pk", filter=Q(state=JobState.SUCCEEDED)),
            dead=Count("pk", filter=Q(state=JobState.DEAD)),
            cancelled=Count("pk", filter=Q(state=JobState.CANCELLED)),
            wait_median_seconds=_Percentile(wait, share=0.5, filter=ran),
            wait_p95_seconds=_Percentile(wait, share=0.95, filter=ran),
            run_median_seconds=_Percentile(run, share=0.5, filter=ran),
            run_p95_seconds=_Percentile(run, share=0.95, filter=ran),
        )
    )
    return [dict(row) for row in rows]


def _failures_by_task(period: Period) -> list[dict[str, Any]]:
    rows = (
        JobError.objects.filter(at__gte=period.start, at__lt=period.end)
        .order_by()
        .values(name=F("job__name"), queue=F("job__queue"))
        .annotate(failed_attempts=Count("pk"))
    )
    return [dict(row) for row in rows]


def _course(period: Period) -> tuple[Moment, ...]:
    daily = period.kind is ReportKind.DAILY
    rows = (
        _ended(period)
        .annotate(start=TruncHour("finished_at") if daily else TruncDay("finished_at"))
        .values("start")
        .annotate(
            succeeded=Count("pk", filter=Q(state=JobState.SUCCEEDED)),
            dead=Count("pk", filter=Q(state=JobState.DEAD)),
        )
    )
    seen: dict[datetime, dict[str, Any]] = {row["start"]: dict(row) for row in rows}
    starts = [
        period.start + (timedelta(hours=n) if daily else timedelta(days=n)) for n in range(24 if daily else 7)
    ]
    nothing = {"succeeded": 0, "dead": 0}
    return tuple(Moment(**{**nothing, **seen.get(start, {}), "start": start}) for start in starts)


def _films(period: Period) -> QuerySet[Video]:
    return Video.objects.filter(finished_at__gte=period.start, finished_at__lt=period.end)


def _minutes(films: QuerySet[Video]) -> float:
    return float(films.aggregate(seconds=Sum("duration_seconds"))["seconds"] or 0) / 60


def _seconds(interval: Any) -> Func:
    return Func(
        ExpressionWrapper(interval, output_field=DurationField()),
        template="extract(epoch from %(expressions)s)::float",
        output_field=FloatField(),
    )
