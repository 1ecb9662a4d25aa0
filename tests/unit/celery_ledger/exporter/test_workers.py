"""Workers by host, and when they count as gone."""

import pytest
from prometheus_client import CollectorRegistry

from celery_ledger.exporter.workers import Consumers, Workers


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def forgotten():
    return []


@pytest.fixture
def workers(clock, forgotten):
    return Workers(forgotten.append, clock)


def shown(collector):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for metric in collector.collect()
        for sample in metric.samples
    }


def beat(workers, node, active=0, kind="heartbeat"):
    workers.note({"type": f"worker-{kind}", "hostname": node, "active": active})


def test_two_workers_of_one_host_are_added_up(workers):
    beat(workers, "a@h", active=1)
    beat(workers, "b@h", active=2)
    beat(workers, "a@other", active=4)

    assert shown(workers) == {
        ("celery_worker_up", "h"): 2,
        ("celery_worker_up", "other"): 1,
        ("celery_worker_tasks_active", "h"): 3,
        ("celery_worker_tasks_active", "other"): 4,
    }


def test_a_worker_that_says_good_bye_is_down_at_once(workers):
    beat(workers, "a@h", active=3)
    workers.note({"type": "worker-offline", "hostname": "a@h"})

    assert shown(workers) == {("celery_worker_up", "h"): 0, ("celery_worker_tasks_active", "h"): 0}


def test_a_silent_worker_is_down_after_five_minutes_and_forgotten_after_ten(workers, clock, forgotten):
    beat(workers, "a@h", active=3)

    clock.now = 299
    assert shown(workers)["celery_worker_up", "h"] == 1
    clock.now = 301
    assert shown(workers) == {("celery_worker_up", "h"): 0, ("celery_worker_tasks_active", "h"): 0}
    clock.now = 601
    assert shown(workers) == {}
    assert forgotten == ["h"]


def test_a_host_with_one_worker_left_is_not_forgotten(workers, clock, forgotten):
    beat(workers, "a@h")
    clock.now = 590
    beat(workers, "b@h")

    clock.now = 601

    assert shown(workers)["celery_worker_up", "h"] == 1
    assert forgotten == []


def test_a_worker_that_is_back_is_up(workers):
    workers.note({"type": "worker-offline", "hostname": "a@h"})
    beat(workers, "a@h", kind="online")

    assert shown(workers)["celery_worker_up", "h"] == 1


def test_what_the_ledger_says_stands_in_for_heartbeats(workers):
    workers.note_active({"a@h": 2})
    workers.note_active({"b@h": 1})

    assert shown(workers)["celery_worker_tasks_active", "h"] == 1


def test_known_queues_have_series_before_any_worker_answered():
    consumers = Consumers(None, ["mail"])

    assert shown(consumers) == {
        (f"celery_active_{word}_count", "mail"): 0 for word in ("consumer", "worker", "process")
    }


def test_the_collector_can_be_registered():
    CollectorRegistry().register(Consumers(None, ["mail"]))
