"""The parent of a pool renews what a living process cannot, and nothing else."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import timedelta

import pytest
from celery.worker import state
from django.db import connection
from django.utils import timezone

from celery_ledger.models import Job
from celery_ledger.running import parent_leases
from celery_ledger.states import JobState
from tests.eventually import eventually
from tests.rows import a_job

LEASE_SECONDS = 60


@dataclass(eq=False)
class Request:
    """A delivered job, as far as the parent's list of running ones needs it."""

    id: str
    hostname: str
    worker_pid: int
    time_start: float
    time_limits: tuple[float | None, float | None]


@pytest.fixture
def child():
    """A process of this one."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def a_request(settings, transactional_db, child):
    """Make a running job, held by the child, with so many seconds of its lease left, as the parent knows it."""
    settings.JOB_LEASE_SECONDS = LEASE_SECONDS
    requests = []

    def make(left=5.0, age=100.0, hard_seconds=None, worker=None, pid=None):
        pid = pid or child.pid
        lease_until = timezone.now() + timedelta(seconds=left)
        row = a_job(JobState.RUNNING, worker=worker or f"node/{pid}", lease_until=lease_until)
        request = Request(
            id=str(row.pk),
            hostname="node",
            worker_pid=pid,
            time_start=time.time() - age,
            time_limits=(hard_seconds, None),
        )
        requests.append(request)
        state.active_requests.add(request)
        return row.pk

    yield make
    for request in requests:
        state.active_requests.discard(request)


def seconds_left(job_id):
    return (Job.objects.get(pk=job_id).lease_until - timezone.now()).total_seconds()


def test_a_lease_that_a_living_process_has_not_renewed_is_renewed(a_request):
    job_ids = [a_request(), a_request(hard_seconds=95)]

    parent_leases.renew_leases()

    assert all(seconds_left(job_id) > LEASE_SECONDS - 5 for job_id in job_ids)


@pytest.mark.parametrize(
    "case",
    [
        {"left": LEASE_SECONDS * 0.6},
        {"age": 1},
        {"hard_seconds": 80},
        {"worker": "node/1"},
        {"pid": 1},
    ],
    ids=["renewed by its process", "young", "over its time limit", "held by another", "no child"],
)
def test_another_lease_is_left_alone(a_request, case):
    job_id = a_request(**case)
    before = Job.objects.get(pk=job_id).lease_until

    parent_leases.renew_leases()

    assert Job.objects.get(pk=job_id).lease_until == before


def test_a_stopped_and_an_ended_process_count_as_dead(child):
    assert parent_leases.is_alive(child.pid, os.getpid())

    child.send_signal(signal.SIGSTOP)
    eventually(lambda: not parent_leases.is_alive(child.pid, os.getpid()))
    child.send_signal(signal.SIGCONT)
    eventually(lambda: parent_leases.is_alive(child.pid, os.getpid()))

    child.kill()
    eventually(lambda: not parent_leases.is_alive(child.pid, os.getpid()))


def test_a_database_that_is_away_is_told_and_ends_nothing(a_request, monkeypatch, caplog):
    a_request()
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")

    parent_leases.renew_leases()

    assert "parent_renewal_failed" in caplog.text
