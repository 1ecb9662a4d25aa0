"""Which pools of a worker run jobs."""

from types import SimpleNamespace

import pytest
from celery.concurrency import get_implementation
from celery.concurrency.base import BasePool
from celery.exceptions import WorkerTerminate

from celery_ledger.running import pools


def a_worker(kind):
    conf = SimpleNamespace(worker_soft_shutdown_timeout=8)
    return SimpleNamespace(pool_cls=kind, app=SimpleNamespace(conf=conf))


@pytest.mark.parametrize("name", ["prefork", "solo", "threads"])
def test_a_pool_that_keeps_the_ledgers_promises_is_taken(name):
    pools.check(a_worker(get_implementation(name)))


@pytest.mark.parametrize(
    "module", ["celery.concurrency.gevent", "celery.concurrency.eventlet", "mysite.pools"]
)
def test_another_pool_is_refused_in_one_line(module):
    kind = type("TaskPool", (BasePool,), {"__module__": module})

    with pytest.raises(
        SystemExit, match=r"^the pool '\w+' is not supported: start the worker with -P prefork"
    ):
        pools.check(a_worker(kind))


def test_a_worker_that_runs_bodies_itself_does_not_wait_for_them_in_a_signal_handler():
    worker = a_worker(get_implementation("solo"))

    pools.check(worker)

    assert worker.app.conf.worker_soft_shutdown_timeout == 0


def test_only_a_pool_of_processes_can_end_one_job():
    can = {
        name: pools.can_kill(object.__new__(get_implementation(name)))
        for name in ("prefork", "solo", "threads")
    }

    assert can == {"prefork": True, "solo": False, "threads": False}


def test_a_body_in_the_worker_itself_is_interrupted():
    with pytest.raises(WorkerTerminate):
        pools.interrupt_body(object.__new__(get_implementation("solo")))
    pools.interrupt_body(object.__new__(get_implementation("threads")))
