"""Which jobs a person asked to see. API, admin and `manage.py jobs` all look through these."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Prefetch, QuerySet

from celery_ledger.errors import Fate
from celery_ledger.models import BeatEntry, Job, JobError


@dataclass(frozen=True)
class Wanted:
    """A filter; what is left empty is not filtered by."""

    states: tuple[str, ...] = ()
    name: str = ""
    queue: str = ""

    @property
    def is_everything(self) -> bool:
        """Whether nothing is filtered by."""
        return not (self.states or self.name or self.queue)


@dataclass(frozen=True)
class Tally:
    """How many jobs of one task stand in one state."""

    name: str
    queue: str
    state: str
    count: int


@dataclass(frozen=True)
class Refusal:
    """A schedule entry that cannot tick, a job that was set aside, or one after which something could not follow."""

    kind: str
    name: str
    id: str
    at: datetime | None
    reason: str


def matching(wanted: Wanted) -> QuerySet[Job]:
    """Return the jobs that match, newest first."""
    return narrowed(Job.objects.order_by("-created_at", "-id"), wanted)


def narrowed(jobs: QuerySet[Job], wanted: Wanted) -> QuerySet[Job]:
    """Return those of the jobs that match."""
    if wanted.states:
        jobs = jobs.filter(state__in=wanted.states)
    if wanted.name:
        jobs = jobs.filter(name=wanted.name)
    if wanted.queue:
        jobs = jobs.filter(queue=wanted.queue)
    return jobs


def in_states(jobs: QuerySet[Job], states: Iterable[str]) -> QuerySet[Job]:
    """Return those of the jobs that stand in one of the states."""
    return jobs.filter(state__in=list(states))


def named(job_ids: Iterable[UUID]) -> QuerySet[Job]:
    """Return the jobs with these ids."""
    return Job.objects.filter(pk__in=list(job_ids))


def without_tracebacks(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Return the jobs with their errors at hand, for a list: a page of tracebacks would be megabytes."""
    return jobs.prefetch_related(Prefetch("failures", JobError.objects.defer("traceback")))


def one(job_id: str | UUID) -> Job | None:
    """Return the job with all its errors, or None."""
    return Job.objects.filter(pk=job_id).prefetch_related("failures").first()


def ids(jobs: QuerySet[Job]) -> Iterable[UUID]:
    """Return the ids, a batch at a time."""
    return jobs.values_list("pk", flat=True).iterator(chunk_size=1000)


def tallies(states: Iterable[str]) -> list[Tally]:
    """Return how many jobs of each task and queue stand in each of the states."""
    rows = Job.objects.filter(state__in=list(states)).order_by().values_list("name", "queue", "state")
    return [Tally(*row) for row in rows.annotate(count=Count("*"))]


def refusals(limit: int) -> list[Refusal]:
    """Return the schedule entries that are refused, then up to `limit` refusals of jobs, newest first."""
    entries = BeatEntry.objects.exclude(refused_at=None).order_by("-refused_at")
    errors = JobError.objects.filter(fate__in=(Fate.SET_ASIDE, Fate.REFUSED)).order_by("-at", "-id")
    return [
        *(Refusal("schedule", entry.name, "", entry.refused_at, entry.refused) for entry in entries),
        *(
            Refusal(error.fate, error.job.name, str(error.job_id), error.at, error.message)
            for error in errors.select_related("job").defer("traceback", "job__canvas")[:limit]
        ),
    ]
