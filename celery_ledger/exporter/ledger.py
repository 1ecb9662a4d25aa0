"""Ledger metrics, read at scrape time by a thread of their own, so that no database can hold up a scrape."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from django.db import Error, connection, transaction
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from celery_ledger.errors import Fate
from celery_ledger.exporter.sources import Sources
from celery_ledger.operations import metrics
from celery_ledger.operations.listing import Tally
from celery_ledger.states import JobState

SOURCE = "ledger"

#: How long a scrape waits for the database; then it shows what was last known.
PATIENCE_SECONDS = 2.5
STATEMENT_SECONDS = 2
#: The first count of attempts reads the whole ledger, and nobody waits for it.
FIRST_STATEMENT_SECONDS = 60
#: Counts of settled jobs read all kept jobs, half a second for a million: not at every scrape, and never more than
#: a fiftieth of the time.
SETTLED_EVERY_SECONDS = 10
SETTLED_SHARE = 0.02

OUTCOMES = (
    JobState.SUCCEEDED, Fate.TRANSIENT, Fate.PERMANENT, Fate.BUG, Fate.TIMEOUT, Fate.LOST, Fate.RETRY,
    JobState.CANCELLED, Fate.REFUSED, Fate.SET_ASIDE,
)  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """What was last read."""

    live: Sequence[Tally] = ()
    settled: Sequence[Tally] = ()
    backlogs: Sequence[metrics.Backlog] = ()
    attempts: Mapping[metrics.Outcome, int] = field(default_factory=dict)
    active: Mapping[str, int] = field(default_factory=dict)
    refused_entries: int = 0


class Reader:
    """Reads the ledger when asked to; several who ask at once share one reading."""

    def __init__(
        self, queues: Sequence[str], sources: Sources, on_reading: Callable[[Reading], None]
    ) -> None:
        self._queues = queues
        self._sources = sources
        self._on_reading = on_reading
        self._attempts = metrics.Attempts()
        self._settled_until = 0.0
        self._reading = Reading()
        self._asked, self._answered = 1, 0  # the first reading is not waited for a scrape
        self._changed = threading.Condition()

    def run(self) -> None:
        """Answer for ever. For a thread of its own."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._asked > self._answered)
                asked = self._asked
            self.read()
            with self._changed:
                self._answered = asked
                self._changed.notify_all()

    def fresh(self, patience_seconds: float = PATIENCE_SECONDS) -> Reading:
        """Return a reading that began after this call, or the last one where that takes too long."""
        with self._changed:
            self._asked += 1
            mine = self._asked
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._answered >= mine, patience_seconds)
            return self._reading

    def read(self) -> None:
        """Read what can be read; what can't keeps its last value, and the source is down."""
        try:
            with _at_most(STATEMENT_SECONDS):
                self._keep(
                    live=metrics.live_counts(),
                    backlogs=metrics.backlogs(self._queues),
                    active=metrics.active_by_worker(),
                    refused_entries=metrics.refused_entries(),
                )
            with _at_most(FIRST_STATEMENT_SECONDS if self._attempts.is_first else STATEMENT_SECONDS):
                self._keep(attempts=self._attempts.count(timezone.now()))
            self._read_settled()
        except Error as error:
            connection.close()
            self._sources.down(SOURCE, error)
        else:
            self._sources.up(SOURCE)
        self._on_reading(self._reading)

    def _read_settled(self) -> None:
        if time.monotonic() < self._settled_until:
            return
        began = time.monotonic()
        try:
            with _at_most(STATEMENT_SECONDS):
                self._keep(settled=metrics.settled_counts())
        finally:
            took_seconds = time.monotonic() - began
            self._settled_until = time.monotonic() + max(SETTLED_EVERY_SECONDS, took_seconds / SETTLED_SHARE)

    def _keep(self, **read: object) -> None:
        self._reading = replace(self._reading, **read)  # type: ignore[arg-type]  # names of Reading's own fields


class Ledger(Collector):
    """The metrics of the ledger. `tasks`: every declared task and its queue; all have series from the start."""

    def __init__(
        self, fresh: Callable[[], Reading], tasks: Mapping[str, str], *, counts_queues: bool = False
    ) -> None:
        self._fresh = fresh
        self._tasks = tasks
        self._counts_queues = counts_queues

    def collect(self) -> Iterable[Metric]:
        """Yield offstage_*; and celery_queue_length where the broker can't say it."""
        reading = self._fresh()
        yield self._jobs(reading)
        yield self._attempts(reading)
        oldest = GaugeMetricFamily(
            "offstage_oldest_due_job_seconds",
            "How long the oldest due job of the queue waits.",
            labels=["queue"],
        )
        length = GaugeMetricFamily("celery_queue_length", "Messages in the queue.", labels=["queue_name"])
        for backlog in reading.backlogs:
            oldest.add_metric([backlog.queue], backlog.oldest_due_seconds)
            length.add_metric([backlog.queue], backlog.published)
        yield oldest
        if self._counts_queues:
            yield length
        unpublished = GaugeMetricFamily(
            "offstage_outbox_unpublished", "Due jobs that the broker has not been told of."
        )
        unpublished.add_metric([], sum(backlog.unpublished for backlog in reading.backlogs))
        yield unpublished
        refused = GaugeMetricFamily(
            "offstage_beat_entries_refused", "Schedule entries that cannot tick; the admin says why."
        )
        refused.add_metric([], reading.refused_entries)
        yield refused

    def _jobs(self, reading: Reading) -> Metric:
        gauge = GaugeMetricFamily("offstage_jobs", "Jobs in the ledger.", labels=["name", "queue", "state"])
        counts = {(name, queue, str(state)): 0 for name, queue in self._tasks.items() for state in JobState}
        counts |= {(row.name, row.queue, row.state): row.count for row in (*reading.live, *reading.settled)}
        for labels, count in counts.items():
            gauge.add_metric(labels, count)
        return gauge

    def _attempts(self, reading: Reading) -> Metric:
        counter = CounterMetricFamily(
            "offstage_job_attempts", "Attempts that ended, by outcome.", labels=["name", "outcome"]
        )
        counts = {(name, str(outcome)): 0 for name in self._tasks for outcome in OUTCOMES} | dict(
            reading.attempts
        )
        for labels, count in counts.items():
            counter.add_metric(labels, count)
        return counter


@contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    """Let no statement inside take longer."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select set_config('statement_timeout', %s, true)", [f"{seconds}s"])
        yield
