"""What our exporter exposes, as a scrape shows it after one run of a task."""

import re
from functools import cache

from django_prometheus.middleware import Metrics
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from api import security_log
from celery_ledger.exporter.counters import TaskMetrics
from celery_ledger.exporter.ledger import Ledger, Reading
from celery_ledger.exporter.queues import Queues
from celery_ledger.exporter.sources import Sources
from celery_ledger.exporter.workers import Consumers, Workers
from celery_ledger.operations.metrics import Backlog

PROMQL_WORDS = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


@cache
def scrape():
    """Return every sample of the exporter's own collectors, through the text that Prometheus reads."""
    registry = CollectorRegistry()
    metrics = TaskMetrics(registry, lambda _name: "mail")
    workers = Workers(metrics.forget_host)
    workers.note({"type": "worker-heartbeat", "hostname": "w@h", "active": 0})
    for word, fields in {"sent": {}, "started": {}, "succeeded": {"runtime": 1.0}, "failed": {}}.items():
        event = {"type": f"task-{word}", "uuid": "1", "hostname": "w@h", "timestamp": 0.0, "name": "a.b"}
        metrics.note({**event, **fields})
    ledger = Ledger(lambda: Reading(backlogs=[Backlog("mail", 0.0, 0, 0)]), {"a.b": "mail"})
    for collector in (
        workers,
        Consumers(None, ["mail"]),
        Queues(None, ["mail"]),
        ledger,
        Sources(["ledger"]),
        security_log._events,  # of the web processes, whose metrics the exporter shows
    ):
        registry.register(collector)
    text = generate_latest(registry).decode()
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def series_of_the_exporter():
    return {sample.name for sample in scrape() if not sample.name.endswith("_created")}


def series_of_the_web():
    """Return the names that django-prometheus gives to what the web processes count."""
    Metrics.get_instance()  # makes them
    parts = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    families = [family for family in REGISTRY.collect() if family.name.startswith("django_")]
    return {f"{family.name}{part}" for family in families for part in parts.get(family.type, ())}


def labels_of(name):
    return {label for sample in scrape() if sample.name == name for label in sample.labels}


def metrics_in(expression):
    """Return the metrics that an expression reads."""
    without_labels = re.sub(r"\{[^}]*\}|\[[^]]*\]|\"[^\"]*\"|\b(by|on)\s*\([^)]*\)", " ", expression)
    words = PROMQL_WORDS.finditer(without_labels)
    return {
        word[0] for word in words if "_" in word[0] and not re.match(r"\s*\(", without_labels[word.end() :])
    }
