"""How the exporter's parts hang together."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from celery import Celery
from prometheus_client import CollectorRegistry, disable_created_metrics

from celery_ledger.exporter import broker, events, ledger, queues, workers
from celery_ledger.exporter.counters import TaskMetrics
from celery_ledger.exporter.sources import Sources


@dataclass(frozen=True)
class Exporter:
    """A registry to be scraped and the threads that feed it."""

    registry: CollectorRegistry
    sources: Sources
    threads: Mapping[str, Callable[[], None]]

    def start(self) -> None:
        """Start the threads; they end with the process."""
        for name, run in self.threads.items():
            threading.Thread(target=run, name=name, daemon=True).start()


def assemble(app: Celery) -> Exporter:
    """Return the exporter for the application's broker.

    SQS carries no events and no remote control: there the ledger says what it can.
    """
    speaks = urlsplit(app.conf.broker_url).scheme != "sqs"
    names = tuple(queue.name for queue in app.conf.task_queues or ()) or (app.conf.task_default_queue,)
    tasks = declared_tasks(app)
    # The moments at which series began would be a third of the page, and no dashboard reads them.
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library left this one untyped
    registry = CollectorRegistry()
    sources = Sources(("events", "queues", "workers", "ledger") if speaks else ("ledger",))
    counted = TaskMetrics(registry, lambda name: tasks.get(name, app.conf.task_default_queue))
    seen = workers.Workers(counted.forget_host)
    consumers = workers.Consumers(app, names)
    reader = ledger.Reader(
        names, sources, lambda reading: None if speaks else seen.note_active(by_node(reading.active))
    )
    for collector in (sources, seen, ledger.Ledger(reader.fresh, tasks, counts_queues=not speaks)):
        registry.register(collector)
    threads: dict[str, Callable[[], None]] = {"ledger": reader.run}
    if speaks:
        lengths = queues.Queues(app, names)
        # On SQS nobody could say who consumes, and a 0 would page somebody.
        registry.register(consumers)
        registry.register(lengths)
        threads |= {
            "events": lambda: events.listen(app, events.sort(counted.note, seen.note), sources),
            "queues": lambda: broker.repeat(queues.POLL_SECONDS, lengths.read, "queues", app, sources),
            "workers": lambda: broker.repeat(
                workers.INSPECT_EVERY_SECONDS, consumers.read, "workers", app, sources
            ),
        }
    return Exporter(registry, sources, threads)


def declared_tasks(app: Celery) -> dict[str, str]:
    """Return every declared task and its queue: neither Celery's own nor any that no `@job` line declares."""
    queues = {name: getattr(task, "job_queue", None) for name, task in app.tasks.items()}
    return {name: queue for name, queue in queues.items() if queue is not None}


def by_node(active: Mapping[str, int]) -> dict[str, int]:
    """Return what each node runs: the ledger knows its processes, as node/pid."""
    nodes: Counter[str] = Counter()
    for worker, count in active.items():
        nodes[worker.rpartition("/")[0]] += count
    return dict(nodes)
