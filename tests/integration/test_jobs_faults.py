"""A part killed, frozen or emptied under way: nothing is lost, and an effect in the database happens once."""

import os
import signal

from celery import signature

from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.canvas import chord, step
from celery_ledger.models import Job, JobError
from celery_ledger.publishing.relay import BATCH
from tests.eventually import eventually
from tests.integration.stage import (
    LEASE_SECONDS,
    REPUBLISH_SECONDS,
    broker_that_nobody_calls,
    end,
    holds,
    running_in,
    settled,
    state_of,
)
from tests.integration.testtasks import effects
from tests.integration.testtasks.settings import WORKER_STOP_SECONDS
from tests.upstream import mended


def fates_of(job_id):
    return list(JobError.objects.filter(job_id=job_id).values_list("fate", flat=True))


def notes_of(job_id):
    return [effect.note for effect in effects.of(job_id)]


def test_asking_for_a_job_takes_no_broker_and_the_job_runs_once_one_is_there(stage):
    stage.broker.kill()
    with broker_that_nobody_calls():
        job_id = enqueue("test.note", "asked while the broker was away")
        chord_id = enqueue(chord([step("test.note", 1), step("test.note", 2)], signature("test.note")))

    worker = stage.start_worker(ready=False)
    eventually(lambda: "relay_paused" in worker.log.read_text(), within_seconds=20)
    assert state_of(job_id) == "queued"
    stage.broker.start()

    settled(job_id, chord_id, within_seconds=40)
    assert len(effects.of(job_id)) == 1


def test_a_worker_works_on_after_its_broker_was_killed_under_a_running_job(stage):
    worker = stage.start_worker()
    under_way = enqueue("test.linger", 2)
    running_in(under_way)

    stage.broker.kill()
    meanwhile = enqueue("test.note", "asked while the broker was away")
    settled(under_way)
    stage.broker.start()

    settled(meanwhile, within_seconds=30)
    settled(enqueue("test.note", "asked afterwards"))
    assert worker.process.poll() is None
    assert notes_of(under_way) == ["linger started", "linger ended"]


def test_a_worker_outlives_its_broker_while_a_message_is_not_acknowledged(stage):
    worker = stage.start_worker()
    under_way = enqueue("test.linger_late", 4)
    running_in(under_way)
    assert stage.broker.unacknowledged() == 1

    stage.broker.kill()
    settled(under_way)
    stage.broker.start()

    settled(enqueue("test.note", "asked afterwards"))
    assert worker.process.poll() is None
    assert notes_of(under_way) == ["linger started", "linger ended"]


def test_a_broker_that_lost_everything_loses_no_job_and_no_chord(stage):
    header = [step("test.linger", 0.2, f"part {number}") for number in range(4)]
    job_ids = [enqueue("test.note", number) for number in range(20)]
    body_id = enqueue(chord(header, signature("test.note")))
    relay = stage.start_relay()
    eventually(lambda: not Job.objects.filter(published_at=None).exists(), within_seconds=20)
    eventually(lambda: stage.broker.waiting("maintenance") == 24)

    stage.broker.empty()
    end(relay)
    stage.start_worker()

    settled(*job_ids, body_id, within_seconds=30)
    assert all(len(effects.of(job_id)) == 1 for job_id in [*job_ids, body_id])


def test_a_broker_emptied_in_the_middle_of_a_chord_fires_its_body_once(stage):
    stage.start_worker()
    header = [step("test.linger", 0.5, f"part {number}") for number in range(6)]
    body_id = enqueue(chord(header, signature("test.note")))
    eventually(lambda: effects.noted("part") or None)

    stage.broker.empty()

    job = settled(body_id, within_seconds=30)[0]
    assert job.result == [[f"part {number}" for number in range(6)]]
    assert len(effects.of(body_id)) == 1


def test_a_message_no_worker_takes_is_sent_again(stage):
    relay = stage.start_relay()
    job_id = enqueue("test.note", "sent again")
    eventually(lambda: stage.broker.waiting("maintenance") == 1, within_seconds=20)

    stage.broker.empty()

    eventually(lambda: stage.broker.waiting("maintenance") == 1, within_seconds=REPUBLISH_SECONDS + 3)
    assert Job.objects.get(pk=job_id).publications == 2
    assert holds(lambda: stage.broker.waiting("maintenance") == 1, for_seconds=REPUBLISH_SECONDS)
    end(relay)


def test_every_part_of_a_chord_delivered_twice_runs_its_body_once(stage):
    header = [step("test.linger", 0.1, f"part {number}") for number in range(4)]
    body_id = enqueue(chord(header, signature("test.note")))
    relay = stage.start_relay()
    eventually(lambda: stage.broker.waiting("maintenance") == 4, within_seconds=20)
    with stage.broker.client() as client:
        for copy in client.lrange("maintenance", 0, -1):
            client.lpush("maintenance", copy)

    end(relay)
    stage.start_worker()

    assert settled(body_id)[0].result == [[f"part {number}" for number in range(4)]]
    eventually(lambda: stage.broker.waiting("maintenance") == 0)
    assert len(effects.noted("part")) == 8
    assert len(effects.of(body_id)) == 1


def test_a_killed_pool_process_costs_one_attempt_and_no_wait_for_the_lease(make_stage):
    stage = make_stage(JOB_LEASE_SECONDS="60")
    stage.start_worker()
    job_id = enqueue("test.linger_first", 30)
    pid = running_in(job_id)
    # Claimed is not begun: killed before its body wrote anything, the first attempt would leave no effect.
    eventually(lambda: effects.of(job_id))

    os.kill(pid, signal.SIGKILL)

    settled(job_id)
    assert fates_of(job_id) == ["lost"]
    assert [effect.attempt for effect in effects.of(job_id)] == [1, 2, 2]


def test_a_killed_worker_leaves_its_job_to_another_one(stage):
    worker = stage.start_worker()
    job_id = enqueue("test.linger_first", 30)
    running_in(job_id)
    relays = worker.relays()
    another = stage.start_worker()
    eventually(lambda: "relay_started" in another.log.read_text(), within_seconds=20)

    os.kill(worker.pid, signal.SIGKILL)

    # By its lease: nobody acknowledges for the dead, and the broker gives nothing back for hours.
    settled(job_id, within_seconds=LEASE_SECONDS + 3)
    assert fates_of(job_id) == ["lost"]
    eventually(lambda: not any(relay.is_running() for relay in relays))


def test_relays_killed_in_the_midst_of_publishing_lose_nothing_and_double_nothing(stage):
    job_ids = [enqueue("test.note_atomically", "once") for _ in range(300)]

    for point in ("relay.taken", "relay.sent"):
        assert stage.start_relay(FAULT_POINT=f"{point}:kill:1").wait(30) == -signal.SIGKILL
    assert stage.broker.waiting("maintenance") == 300 - BATCH
    third = stage.start_relay()
    eventually(lambda: stage.broker.waiting("maintenance") > 300, within_seconds=30)
    end(third)
    stage.start_worker()

    settled(*job_ids, within_seconds=40)
    assert len(effects.of(*job_ids)) == 300


def test_a_frozen_worker_cannot_settle_over_its_successor(stage):
    stage.start_worker(concurrency=1)
    job_id = enqueue("test.linger_atomically", LEASE_SECONDS)
    frozen = running_in(job_id)

    os.kill(frozen, signal.SIGSTOP)
    stage.start_worker(concurrency=1)
    job = settled(job_id)[0]
    os.kill(frozen, signal.SIGCONT)

    eventually(lambda: "job_superseded" in stage.logs())
    assert [effect.attempt for effect in effects.of(job_id)] == [2]
    assert Job.objects.get(pk=job_id).finished_at == job.finished_at
    assert fates_of(job_id) == ["lost"]


def test_a_body_that_holds_the_global_lock_longer_than_a_lease_runs_once(make_stage):
    stage = make_stage(JOB_LEASE_SECONDS="2")
    stage.start_worker(concurrency=2)

    job_id = enqueue("test.hold_the_gil", 6)

    assert settled(job_id)[0].attempts == 1
    assert notes_of(job_id) == ["started", "ended"]
    assert "lease_renewed_by_parent" in stage.logs()


def test_a_process_frozen_under_a_body_that_holds_the_global_lock_loses_its_job(make_stage):
    stage = make_stage(JOB_LEASE_SECONDS="2")
    stage.start_worker(concurrency=1)
    job_id = enqueue("test.hold_the_gil", 3)

    os.kill(running_in(job_id), signal.SIGSTOP)
    stage.start_worker(concurrency=1)

    assert settled(job_id)[0].attempts == 2
    assert fates_of(job_id) == ["lost"]


def test_a_worker_told_to_stop_hands_back_what_it_cannot_finish_and_no_attempt_is_spent(stage):
    worker = stage.start_worker()
    job_id = enqueue("test.linger_first", 60)
    running_in(job_id)

    worker.process.send_signal(signal.SIGTERM)

    worker.process.wait(15)
    job = Job.objects.get(pk=job_id)
    assert (job.state, job.attempts) == ("queued", 0)
    assert fates_of(job_id) == []


def test_celery_still_waits_without_bound_for_what_a_worker_told_to_stop_runs(stage):
    worker = stage.start_worker(REMAP_SIGTERM="")
    job_id = enqueue("test.linger", 18)
    running_in(job_id)

    worker.process.send_signal(signal.SIGTERM)

    waits = holds(lambda: worker.process.poll() is None, for_seconds=WORKER_STOP_SECONDS + 9)
    assert waits, mended("celery", "celery_ledger.running.worker_process.stop_in_time")


def test_a_worker_told_to_stop_finishes_what_it_can(stage):
    worker = stage.start_worker()
    job_id = enqueue("test.linger", 1)
    running_in(job_id)

    worker.process.send_signal(signal.SIGTERM)

    settled(job_id)
    worker.process.wait(15)
    assert Job.objects.get(pk=job_id).attempts == 1
