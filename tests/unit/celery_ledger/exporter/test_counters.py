"""Events of tasks become the metrics of the widely used Celery exporter."""

import pytest
from prometheus_client import CollectorRegistry

from celery_ledger.exporter.counters import TaskMetrics, exception_class, sent_at


class Told:
    """Task metrics and a registry to read them from."""

    def __init__(self):
        self.registry = CollectorRegistry()
        self.metrics = TaskMetrics(self.registry, lambda _name: "declared")

    def __call__(self, word, at=0.0, host="h", uuid="1", **fields):
        self.metrics.note(
            {"type": f"task-{word}", "uuid": uuid, "hostname": f"w@{host}", "timestamp": at, **fields}
        )

    def value(self, metric, name="a.b", hostname="h", queue_name="mail", **labels):
        return self.registry.get_sample_value(
            metric, {"name": name, "hostname": hostname, "queue_name": queue_name, **labels}
        )


@pytest.fixture
def told():
    return Told()


def test_a_run_is_counted_under_name_host_and_queue(told):
    told("sent", name="a.b", queue="mail")
    told("received", name="a.b")
    told("started")
    told("succeeded", runtime=0.3)

    words = ("sent", "received", "started", "succeeded", "retried", "revoked", "rejected")
    assert [told.value(f"celery_task_{word}_total") for word in words] == [1, 1, 1, 1, 0, 0, 0]
    assert told.value("celery_task_failed_total", exception="") == 0
    assert told.value("celery_task_runtime_sum") == pytest.approx(0.3)


def test_a_failure_bears_the_class_of_its_exception(told):
    told("received", name="a.b")
    told("failed", exception="smtplib.SMTPServerDisconnected('away (for now)')")

    assert (
        told.value("celery_task_failed_total", queue_name="declared", exception="SMTPServerDisconnected") == 1
    )


@pytest.mark.parametrize("text", [None, "", "what is this"])
def test_an_exception_that_cannot_be_read_is_unknown(text):
    assert exception_class(text) == "UnknownException"


def test_the_hosts_of_senders_get_no_series_of_their_own(told):
    told("sent", name="a.b", queue="mail", host="web")

    assert told.value("celery_task_succeeded_total", hostname="web") is None


def test_the_wait_is_from_publication_to_start(told):
    told("sent", name="a.b", queue="mail", at=10.0)
    told("started", at=12.5)

    assert told.value("celery_task_queue_wait_time_sum") == pytest.approx(2.5)
    assert told.value("celery_task_queue_wait_time_bucket", le="2.5") == 1


def test_the_wait_is_known_too_where_the_relays_event_comes_last(told):
    told("received", name="a.b", at=10.1)
    told("started", at=10.2)
    told("sent", name="a.b", queue="mail", at=10.0)

    assert told.value("celery_task_queue_wait_time_sum") == pytest.approx(0.2)
    assert told.value("celery_task_started_total", queue_name="declared") == 1


def test_each_attempt_of_a_job_waits_for_itself(told):
    for sent in (10.0, 100.0):
        told("sent", name="a.b", queue="mail", at=sent)
        told("started", at=sent + 1)
        told("retried", exception="Transient('away')")

    assert told.value("celery_task_queue_wait_time_count") == 2
    assert told.value("celery_task_queue_wait_time_sum") == pytest.approx(2)


def test_clocks_that_disagree_make_no_negative_wait(told):
    told("sent", name="a.b", queue="mail", at=10.0)
    told("started", at=9.0)

    assert told.value("celery_task_queue_wait_time_sum") == 0


def test_a_run_whose_beginning_nobody_saw_is_passed_over(told):
    told("succeeded", runtime=1.0)

    assert told.value("celery_task_succeeded_total", name="") is None


def test_an_event_of_another_kind_is_passed_over(told):
    told("progressed", name="a.b")

    assert told.value("celery_task_received_total") is None


def test_the_series_of_a_host_can_be_dropped(told):
    for host in ("gone", "here"):
        told("received", name="a.b", queue="mail", uuid=host, host=host)

    told.metrics.forget_host("gone")

    assert told.value("celery_task_received_total", hostname="gone") is None
    assert told.value("celery_task_received_total", hostname="here") == 1


def test_the_receivers_shift_by_time_zones_is_taken_back():
    assert sent_at({"timestamp": 7200.0}) == 7200.0
    there = {"timestamp": 1000.0, "utcoffset": 2}
    here = {"timestamp": 1000.0, "utcoffset": 0}
    assert sent_at(there) - sent_at(here) == 7200
