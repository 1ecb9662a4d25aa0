"""The workers: who is up, how much each runs, which queues they consume."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from celery import Celery
from celery.utils.nodenames import nodesplit
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from celery_ledger.exporter.broker import IMPATIENT

#: A worker beats every 2 s. After so much silence it counts as down, and later its series end.
DOWN_AFTER_SECONDS = 300
FORGOTTEN_AFTER_SECONDS = 600

INSPECT_EVERY_SECONDS = 5
#: `inspect` can't know how many workers will answer, so it always waits all of this.
INSPECT_SECONDS = 1.0


@dataclass
class _Worker:
    seen_at: float
    active: int = 0
    is_up: bool = True


class Workers(Collector):
    """Workers as their heartbeats show them. Series are by host: two workers of one host are added up."""

    def __init__(
        self, forget_host: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._forget_host = forget_host
        self._clock = clock
        self._workers: dict[str, _Worker] = {}
        self._lock = threading.Lock()

    def note(self, event: Mapping[str, Any]) -> None:
        """Take in one event of a worker."""
        with self._lock:
            known = self._workers.get(event["hostname"])
            active = event.get("active", known.active if known else 0)
            is_up = event["type"] != "worker-offline"
            self._workers[event["hostname"]] = _Worker(self._clock(), active if is_up else 0, is_up)

    def note_active(self, active: Mapping[str, int]) -> None:
        """Take in what each node runs, where the broker carries no events and the ledger has to say it."""
        with self._lock:
            for node in {*active, *self._workers}:
                if node in active:
                    self._workers[node] = _Worker(self._clock(), active[node])
                else:
                    self._workers[node].active = 0

    def collect(self) -> Iterable[Metric]:
        """Yield celery_worker_up and celery_worker_tasks_active."""
        up = GaugeMetricFamily("celery_worker_up", "Workers of the host that are up.", labels=["hostname"])
        active = GaugeMetricFamily("celery_worker_tasks_active", "Tasks that run there.", labels=["hostname"])
        for host, workers in self._by_host().items():
            alive = [worker for worker in workers if self._is_up(worker)]
            up.add_metric([host], len(alive))
            active.add_metric([host], sum(worker.active for worker in alive))
        yield up
        yield active

    def _by_host(self) -> dict[str, list[_Worker]]:
        with self._lock:
            gone = [
                name
                for name, worker in self._workers.items()
                if self._clock() - worker.seen_at > FORGOTTEN_AFTER_SECONDS
            ]
            lost = [self._workers.pop(name) and _host(name) for name in gone]
            hosts: dict[str, list[_Worker]] = {}
            for name, worker in self._workers.items():
                hosts.setdefault(_host(name), []).append(worker)
        for host in {*lost} - {*hosts}:
            self._forget_host(str(host))
        return hosts

    def _is_up(self, worker: _Worker) -> bool:
        return worker.is_up and self._clock() - worker.seen_at <= DOWN_AFTER_SECONDS


class Consumers(Collector):
    """Who consumes which queue, asked of the workers in the background and answered from memory."""

    def __init__(self, app: Celery, queues: Sequence[str]) -> None:
        self._app = app
        self._queues = queues
        self.workers: Mapping[str, int] = {}
        self.processes: Mapping[str, int] = {}

    def read(self) -> None:
        """Ask the workers. Raises what a broker that is away raises."""
        with self._app.connection_for_write(transport_options=IMPATIENT) as connection:
            inspect = self._app.control.inspect(timeout=INSPECT_SECONDS, connection=connection)
            pools: dict[str, Any] = inspect.stats() or {}
            consumed: dict[str, Any] = inspect.active_queues() or {}
        workers: Counter[str] = Counter()
        processes: Counter[str] = Counter()
        for node, queues in consumed.items():
            for queue in queues:
                workers[queue["name"]] += 1
                processes[queue["name"]] += len(pools.get(node, {}).get("pool", {}).get("processes", ()))
        self.workers, self.processes = workers, processes

    def collect(self) -> Iterable[Metric]:
        """Yield celery_active_{consumer,worker,process}_count; a worker is one consumer of each of its queues."""
        for name, text, counts in (
            ("celery_active_consumer_count", "Consumers of the queue.", self.workers),
            ("celery_active_worker_count", "Workers that consume the queue.", self.workers),
            ("celery_active_process_count", "Processes of those workers.", self.processes),
        ):
            gauge = GaugeMetricFamily(name, text, labels=["queue_name"])
            for queue in {*self._queues, *counts}:
                gauge.add_metric([queue], counts.get(queue, 0))
            yield gauge


def _host(node: str) -> str:
    return str(nodesplit(node)[1])
