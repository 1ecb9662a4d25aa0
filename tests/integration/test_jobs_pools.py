"""Workers that run jobs in threads, or in themselves."""

import signal

from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.models import Job
from tests.eventually import eventually
from tests.integration.stage import LEASE_SECONDS, settled
from tests.integration.testtasks import effects


def test_jobs_in_threads_that_last_longer_than_a_lease_run_once(stage):
    stage.start_worker("-P", "threads")

    job_ids = [enqueue("test.linger", 2 * LEASE_SECONDS, name) for name in ("first", "second")]

    settled(*job_ids)
    notes = sorted(effect.note for effect in effects.of(*job_ids))
    assert notes == ["first ended", "first started", "second ended", "second started"]
    assert "pool_without_time_limits" in stage.logs()


def test_a_worker_with_threads_that_stops_hands_back_what_is_not_done(make_stage):
    stops_handing_back(make_stage(WORKER_STOP_SECONDS="1"), "threads")


def test_a_worker_that_runs_jobs_itself_hands_back_what_is_not_done(stage):
    stops_handing_back(stage, "solo")


def stops_handing_back(stage, pool):
    worker = stage.start_worker("-P", pool)
    job_id = enqueue("test.linger", 60)
    eventually(lambda: effects.of(job_id))

    worker.process.send_signal(signal.SIGTERM)
    worker.process.wait(20)

    job = Job.objects.get(pk=job_id)
    assert (job.state, job.attempts, job.failures.count()) == ("queued", 0, 0)
