"""Task metrics from Celery's events, under the names and labels of the widely used Celery exporter."""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from celery.utils.nodenames import nodesplit
from celery.utils.time import utcoffset
from prometheus_client import CollectorRegistry, Counter, Histogram

#: What that exporter has, and longer ones: encoding takes minutes. More buckets leave its dashboards right.
RUNTIME_BUCKETS = (*Histogram.DEFAULT_BUCKETS[:-1], 30, 60, 120, 300, 600, 1800)
WAIT_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
LABELS = ("name", "hostname", "queue_name")

COUNTERS = {
    "sent": "Messages handed to the broker.",
    "received": "Messages that a worker has taken.",
    "started": "Runs that began.",
    "succeeded": "Runs that ended well.",
    "failed": "Runs that ended dead.",
    "retried": "Runs that ended and will be repeated.",
    "revoked": "Messages that a worker was told to drop.",
    "rejected": "Messages that a worker gave back.",
}

#: Tasks under way that are remembered; the oldest is forgotten first. About 300 bytes each.
REMEMBERED = 50_000


@dataclass
class _Seen:
    """What the events of one task said so far: only `sent` and `received` bear its name, only `sent` its queue."""

    name: str = ""
    queue: str = ""
    sent_at: float | None = None
    started_at: float | None = None


class TaskMetrics:
    """Counts the events of tasks. `queue_of` says which queue a task declares."""

    def __init__(self, registry: CollectorRegistry, queue_of: Callable[[str], str]) -> None:
        self._queue_of = queue_of
        self._tasks: OrderedDict[str, _Seen] = OrderedDict()
        self._counters = {
            word: Counter(f"celery_task_{word}", text, _labels_of(word), registry=registry)
            for word, text in COUNTERS.items()
        }
        self._runtime = Histogram(
            "celery_task_runtime",
            "Seconds of runs that ended well.",
            LABELS,
            buckets=RUNTIME_BUCKETS,
            registry=registry,
        )
        self._wait = Histogram(
            "celery_task_queue_wait_time",
            "Seconds between a message's publication and the start of its run.",
            LABELS,
            buckets=WAIT_BUCKETS,
            registry=registry,
        )

    def note(self, event: Mapping[str, Any]) -> None:
        """Count one event of a task. One whose task's name never was said (before our start) is passed over."""
        word = event["type"].removeprefix("task-")
        if word not in self._counters:
            return
        task = self._remember(event)
        if not task.name:
            return
        labels = {"name": task.name, "hostname": host_of(event), "queue_name": task.queue}
        self._count(word, labels, event)
        if word in ("sent", "started"):
            self._time_wait(task, word, event, labels)
        if word == "succeeded":
            self._runtime.labels(**labels).observe(event["runtime"])

    def forget_host(self, hostname: str) -> None:
        """Drop the series of a host whose workers are long gone."""
        for metric in (*self._counters.values(), self._runtime, self._wait):
            metric.remove_by_labels({"hostname": hostname})

    def _remember(self, event: Mapping[str, Any]) -> _Seen:
        task = self._tasks.setdefault(event["uuid"], _Seen())
        self._tasks.move_to_end(event["uuid"])
        if len(self._tasks) > REMEMBERED:
            self._tasks.popitem(last=False)
        task.name = event.get("name") or task.name
        # The relay tells of a message after it has published it, so a worker's events may come first.
        task.queue = event.get("queue") or task.queue or (self._queue_of(task.name) if task.name else "")
        return task

    def _count(self, word: str, labels: dict[str, str], event: Mapping[str, Any]) -> None:
        if word != "sent":
            # A rate needs a first sample at 0. Not for `sent`: its host is a relay's, not a worker's.
            for other, counter in self._counters.items():
                if other not in ("sent", "failed"):
                    counter.labels(**labels).inc(0)
            self._counters["failed"].labels(**labels, exception="").inc(0)
        if word == "failed":
            labels = {**labels, "exception": exception_class(event.get("exception"))}
        self._counters[word].labels(**labels).inc()

    def _time_wait(self, task: _Seen, word: str, event: Mapping[str, Any], labels: dict[str, str]) -> None:
        if word == "sent":
            task.sent_at = sent_at(event)
        else:
            task.started_at = sent_at(event)
        if task.sent_at is not None and task.started_at is not None:
            self._wait.labels(**labels).observe(max(0.0, task.started_at - task.sent_at))
            task.sent_at = task.started_at = None


def host_of(event: Mapping[str, Any]) -> str:
    """Return the host of the node that sent the event: what follows the @."""
    return str(nodesplit(event["hostname"])[1])


def exception_class(text: str | None) -> str:
    """Return the class out of an exception's repr."""
    match = re.match(r"(?:\w+\.)*(\w+)\(", text or "")
    return match[1] if match else "UnknownException"


def sent_at(event: Mapping[str, Any]) -> float:
    """Return the sender's time of the event, seconds since 1970.

    Celery's receiver moves it by the difference of the two machines' time zones, as if it were local time.
    """
    hours_apart = float(event.get("utcoffset", utcoffset()) - utcoffset())
    return float(event["timestamp"]) + hours_apart * 3600


def _labels_of(word: str) -> tuple[str, ...]:
    return ("name", "hostname", "exception", "queue_name") if word == "failed" else LABELS
