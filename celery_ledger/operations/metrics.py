"""What the ledger says about itself at a scrape. Read by `config.exporter`; nothing is counted in a worker's memory.

Every query runs on an index of `celery_ledger.models.Job` and is small while the backlog is, save the counts of settled
jobs: the exporter asks for those apart and less often, and keeps the last answer where the database is too busy.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Count, F, FloatField, Func, Q, QuerySet
from django.db.models.functions import Now

from celery_ledger.models import BeatEntry, Job, JobError
from celery_ledger.operations.listing import Tally, tallies
from celery_ledger.states import LIVE, SETTLED, WAITING, JobState

Outcome = tuple[str, str]
"""Name of a task and outcome of an attempt."""


@dataclass(frozen=True)
class Backlog:
    """What waits in one queue."""

    queue: str
    oldest_due_seconds: float
    unpublished: int
    published: int


def live_counts() -> list[Tally]:
    """Return how many jobs of each task are under way or dead."""
    return tallies(LIVE)


def settled_counts() -> list[Tally]:
    """Return how many succeeded and cancelled jobs of each task are kept."""
    return tallies(SETTLED)


def backlogs(queues: Iterable[str]) -> list[Backlog]:
    """Return the backlog of each queue: due jobs, whether the broker has been told of them or not.

    A job that was published and that no worker claims waits just as long as one that was not published.
    """
    return [_backlog(queue) for queue in queues]


def active_by_worker() -> dict[str, int]:
    """Return how many jobs each worker process runs."""
    running = Job.objects.filter(state=JobState.RUNNING).order_by()
    return dict(running.values_list("worker").annotate(count=Count("pk")))


def refused_entries() -> int:
    """Return how many schedule entries beat refuses, or whose last tick was refused."""
    return BeatEntry.objects.exclude(refused="").count()


class Attempts:
    """Attempts by task and outcome, as counters: they never fall, though the ledger forgets old jobs.

    Counting the rows anew each time would not do: after a purge there are fewer, and Prometheus takes a
    counter that fell for one that began again. So rows older than the horizon are added up once, and only
    the younger ones are counted each time. A settling transaction that commits late has until the horizon.
    """

    HORIZON = timedelta(minutes=1)

    def __init__(self) -> None:
        self._until = datetime.min.replace(tzinfo=UTC)
        self._before: Counter[Outcome] = Counter()
        self._shown: Counter[Outcome] = Counter()

    @property
    def is_first(self) -> bool:
        """Whether the next count reads the whole ledger."""
        return not self._shown

    def count(self, now: datetime) -> dict[Outcome, int]:
        """Return the number of attempts of each task and outcome so far."""
        horizon = now - self.HORIZON
        aged, recent = _attempts_since(self._until, horizon)
        self._before += aged
        self._until = horizon
        # A cancelled job that was queued again by hand is cancelled no more; a counter has to stay.
        self._shown |= self._before + recent
        return dict(self._shown)


def _attempts_since(since: datetime, horizon: datetime) -> tuple[Counter[Outcome], Counter[Outcome]]:
    aged: Counter[Outcome] = Counter()
    recent: Counter[Outcome] = Counter()
    for rows in (_settled_since(since, horizon), _failed_since(since, horizon)):
        for name, outcome, old, young in rows:
            aged[name, outcome] += old
            recent[name, outcome] += young
    return aged, recent


def _settled_since(since: datetime, horizon: datetime) -> Iterable[tuple[str, str, int, int]]:
    # A job that was cancelled while it waited made no attempt.
    settled = Q(state=JobState.SUCCEEDED) | Q(state=JobState.CANCELLED, cancel_requested_at__isnull=False)
    return (
        Job.objects.filter(settled, finished_at__gte=since)
        .order_by()
        .values_list("name", "state")
        .annotate(
            old=Count("pk", filter=Q(finished_at__lt=horizon)),
            young=Count("pk", filter=Q(finished_at__gte=horizon)),
        )
    )


def _failed_since(since: datetime, horizon: datetime) -> Iterable[tuple[str, str, int, int]]:
    return (
        JobError.objects.filter(at__gte=since)
        .order_by()
        .values_list("job__name", "fate")
        .annotate(old=Count("pk", filter=Q(at__lt=horizon)), young=Count("pk", filter=Q(at__gte=horizon)))
    )


def _backlog(queue: str) -> Backlog:
    due = Job.objects.filter(queue=queue, state__in=WAITING, published_at__isnull=True, run_at__lte=Now())
    unclaimed = Job.objects.filter(queue=queue, state=JobState.QUEUED, published_at__isnull=False)
    ages = [*_oldest(due), *_oldest(unclaimed)]
    return Backlog(queue, max([0.0, *ages]), due.count(), unclaimed.count())


def _oldest(jobs: QuerySet[Job]) -> Iterable[float]:
    waited = Func(
        Now() - F("run_at"), template="extract(epoch from %(expressions)s)", output_field=FloatField()
    )
    return jobs.order_by("run_at").annotate(waited=waited).values_list("waited", flat=True)[:1]
