"""An asynchronous function and the attempt that runs it end together."""

import os
import signal
from threading import Thread

import pytest
from asgiref.sync import async_to_sync
from celery.exceptions import SoftTimeLimitExceeded

from celery_ledger.django_tasks.coroutines import AsyncRun, call
from tests.eventually import eventually
from tests.unit.celery_ledger.django_tasks import functions


@pytest.fixture
def soft_time_limit():
    """Raise in this thread what Celery's soft time limit raises, as soon as the function has started."""

    def interrupt():
        eventually(lambda: "started" in functions.calls)
        os.kill(os.getpid(), signal.SIGUSR1)

    def raise_in_main_thread(*_):
        raise SoftTimeLimitExceeded

    before = signal.signal(signal.SIGUSR1, raise_in_main_thread)
    thread = Thread(target=interrupt)
    thread.start()
    yield
    thread.join()
    signal.signal(signal.SIGUSR1, before)


def test_a_function_returns_its_value():
    assert call(functions.add_later, 1, y=2) == 3


@pytest.mark.usefixtures("soft_time_limit")
def test_a_function_over_its_soft_time_limit_has_ended_when_its_attempt_fails():
    with pytest.raises(SoftTimeLimitExceeded):
        call(functions.wait_long, 60)

    assert functions.calls == ["started", "cancelled", "ended"]


def test_a_function_that_is_stopped_before_it_starts_does_not_start():
    run = AsyncRun(functions.wait_long)

    run.stop()

    assert async_to_sync(run.start)(60) is None
    assert functions.calls == []


def test_a_function_that_has_ended_may_be_stopped():
    run = AsyncRun(functions.wait_long)
    assert async_to_sync(run.start)(0) == "waited"

    run.stop()

    assert functions.calls == ["started", "ended"]
