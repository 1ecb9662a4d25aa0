"""The exporter beside a real broker, worker and database, and beside ones that do not answer."""

import time

import httpx
import pytest
from django.db import connection, transaction
from prometheus_client.parser import text_string_to_metric_families

from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.exporter import ledger
from tests.eventually import eventually
from tests.integration.stage import settled
from tests.unit.monitoring.exposed import metrics_in
from tests.unit.monitoring.test_grafana import QUERIES, plain

pytestmark = pytest.mark.slow


class Exporter:
    """An exporter process and what it says."""

    def __init__(self, stage):
        self._url = f"http://127.0.0.1:{stage._house.variables['EXPORTER_PORT']}/metrics"
        self._process = stage._start(stage._folder / "exporter.log", "-m", "config.exporter")
        eventually(self._answers, within_seconds=30)

    def scrape(self):
        answer = httpx.get(self._url, timeout=10)
        answer.raise_for_status()
        families = text_string_to_metric_families(answer.text)
        return [sample for family in families for sample in family.samples]

    def total(self, metric, /, **labels):
        """Return the sum over all series of the metric that bear these labels; None where there is none."""
        values = [
            sample.value
            for sample in self.scrape()
            if sample.name == metric and labels.items() <= sample.labels.items()
        ]
        return sum(values) if values else None

    def sources(self):
        return {
            sample.labels["source"]: sample.value
            for sample in self.scrape()
            if sample.name == "offstage_exporter_up"
        }

    def _answers(self):
        assert self._process.poll() is None
        try:
            return bool(self.scrape())
        except httpx.TransportError:
            return False


ALL_UP = {"events": 1, "queues": 1, "workers": 1, "ledger": 1}


def test_what_workers_do_is_seen_in_a_scrape_with_every_metric_of_the_board(stage):
    exporter = Exporter(stage)
    eventually(lambda: exporter.sources() == ALL_UP, within_seconds=20)
    stage.start_worker()

    good = [enqueue("test.add", 1, 2) for _ in range(3)]
    settled(*good)
    settled(enqueue("test.fail_until", 2))
    settled(enqueue("test.refuse"), as_="dead")

    def counted(word, name, /, **labels):
        return exporter.total(f"celery_task_{word}_total", name=name, queue_name="maintenance", **labels)

    eventually(lambda: counted("sent", "test.add") == counted("succeeded", "test.add") == 3)
    assert counted("retried", "test.add") == 0
    eventually(lambda: counted("retried", "test.fail_until") == 1)
    eventually(lambda: counted("failed", "test.refuse", exception="Permanent") == 1)
    assert exporter.total("celery_task_runtime_count", name="test.add") == 3
    eventually(lambda: exporter.total("celery_task_queue_wait_time_count", name="test.add") == 3)
    assert exporter.total("offstage_job_attempts_total", name="test.add", outcome="succeeded") == 3
    assert exporter.total("offstage_job_attempts_total", name="test.fail_until", outcome="transient") == 1
    assert exporter.total("offstage_jobs", name="test.refuse", state="dead") == 1
    eventually(lambda: exporter.total("celery_worker_up", hostname="stage") == 1)
    eventually(
        lambda: exporter.total("celery_active_process_count", queue_name="mail") == 2, within_seconds=20
    )
    # No web process runs here.
    counted_by_the_web = {"offstage_security_events_total"}
    shown = {sample.name for sample in exporter.scrape()} | counted_by_the_web
    assert {query: metrics_in(plain(query)) - shown for query in QUERIES} == {
        query: set() for query in QUERIES
    }


def test_jobs_that_nobody_runs_are_seen_waiting(stage):
    exporter = Exporter(stage)
    before = exporter.total("offstage_oldest_due_job_seconds", queue="maintenance")

    enqueue("test.add", 1, 2)
    unpublished = exporter.total("offstage_outbox_unpublished")
    stage.start_relay()

    assert (before, unpublished) == (0, 1)
    eventually(
        lambda: exporter.total("celery_queue_length", queue_name="maintenance") == 1, within_seconds=20
    )
    assert exporter.total("offstage_outbox_unpublished") == 0
    assert exporter.total("offstage_oldest_due_job_seconds", queue="maintenance") > 0


def test_a_broker_that_dies_and_comes_back_costs_no_scrape(stage):
    exporter = Exporter(stage)
    stage.start_worker()
    settled(enqueue("test.add", 1, 2))
    eventually(lambda: exporter.total("celery_task_succeeded_total", name="test.add") == 1)

    stage.broker.kill()
    eventually(
        lambda: exporter.sources() == {**ALL_UP, "events": 0, "queues": 0, "workers": 0}, within_seconds=30
    )
    while_away = exporter.total("celery_task_succeeded_total", name="test.add")
    stage.broker.start()
    eventually(lambda: exporter.sources() == ALL_UP, within_seconds=30)
    settled(enqueue("test.add", 1, 2), within_seconds=40)

    assert while_away == 1
    eventually(lambda: exporter.total("celery_task_succeeded_total", name="test.add") == 2)


def test_a_database_that_hangs_costs_no_scrape(stage):
    exporter = Exporter(stage)
    enqueue("test.add", 1, 2)
    waiting = exporter.total("offstage_outbox_unpublished")

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("lock table celery_ledger_job in access exclusive mode")
        began = time.monotonic()
        shown = exporter.total("offstage_outbox_unpublished")
        took_seconds = time.monotonic() - began
        eventually(lambda: exporter.sources()["ledger"] == 0, within_seconds=30)

    assert (waiting, shown) == (1, 1)
    assert took_seconds < ledger.PATIENCE_SECONDS + 1
    eventually(lambda: exporter.sources()["ledger"] == 1, within_seconds=30)
