"""A project whose Django tasks are jobs of the ledger."""

from contextlib import contextmanager
from typing import Any

import pytest

from celery_ledger.django_tasks.interface import task_enqueued, task_finished, task_started
from celery_ledger.models import Job
from tests.unit.celery_ledger.django_tasks import functions
from tests.unit.celery_ledger.worker import deliver


@pytest.fixture(autouse=True)
def ledger_backend(settings):
    settings.TASKS = functions.TASKS
    functions.calls.clear()


@pytest.fixture
def told():
    """Record what receivers of the three signals are told: name of the signal, sender, status."""
    seen: list[Any] = []
    with (
        _recorded(seen, "enqueued", task_enqueued),
        _recorded(seen, "started", task_started),
        _recorded(seen, "finished", task_finished),
    ):
        yield seen


@pytest.fixture
def run(end_of_heartbeat):
    """Let a worker run the job of a result, and return the result as it is then."""

    def run(result):
        Job.objects.filter(pk=result.id, state="retrying").update(run_at="2000-01-01T00:00Z")
        deliver(result.id)
        result.refresh()
        return result

    return run


@contextmanager
def _recorded(seen, name, signal):
    def receive(sender, task_result, **_):
        seen.append((name, sender, str(task_result.status)))

    signal.connect(receive)
    yield
    signal.disconnect(receive)
