"""Jobs as two workers run them: tried again, limited, ordered, cancelled, and delivered too often."""

from itertools import pairwise

import pytest
from celery import current_app, signature
from django.db import connection
from django.utils import timezone

from celery_ledger import control
from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.canvas import step
from celery_ledger.ledger.rows import Published
from celery_ledger.models import Job, JobError
from celery_ledger.publishing.publisher import Publisher
from celery_ledger.states import JobState
from tests.eventually import eventually
from tests.integration.stage import LEASE_SECONDS, broker_of_this_process, holds, running_in, settled
from tests.integration.testtasks import effects


@pytest.fixture(scope="module")
def workers(running_stage):
    """Two workers of two processes each."""
    return [running_stage.worker, running_stage.start_worker()]


@pytest.fixture(autouse=True)
def stage(running_stage, workers):
    return running_stage


def fates_of(job_id):
    return list(JobError.objects.filter(job_id=job_id).values_list("fate", flat=True))


def notes_of(job_id):
    return [effect.note for effect in effects.of(job_id)]


def deliver(stage, job_id, times):
    """Send the job's wake-up once more, and again, as a broker may that lost an acknowledgement."""
    job = Job.objects.get(pk=job_id)
    published = Published(job_id, job.name, job.queue, job.headers, job.attempts)
    with broker_of_this_process(stage.broker.url):
        publisher = Publisher(current_app)
        publisher.publish([published] * times)
        publisher.close()


def cut_database_connections():
    """End every session but the own one, as a restart of the database would."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid() and application_name = 'offstage'"
        )


def test_waits_between_attempts_double(stage):

    job_id = enqueue("test.fail_until", 5)

    settled(job_id, within_seconds=20)
    starts = [effect.at for effect in effects.of(job_id)]
    waits = [(later - earlier).total_seconds() for earlier, later in pairwise(starts)]
    assert len(waits) == 4
    for wait, doublings in zip(waits, (1, 2, 4, 8), strict=True):
        assert 0.2 * doublings <= wait <= 0.2 * doublings * 1.1 + 0.7


def test_a_job_that_fails_every_time_is_dead_with_all_its_errors_and_runs_when_retried_by_hand(stage):
    job_id = enqueue("test.fail_until", 6)
    settled(job_id, as_="dead", within_seconds=20)
    assert fates_of(job_id) == ["transient"] * 5

    assert control.retry(job_id)

    job = settled(job_id)[0]
    assert (job.attempts, job.failures.count()) == (6, 5)


def test_a_refused_job_is_dead_at_once(stage):

    job_id = enqueue("test.refuse")

    job = settled(job_id, as_="dead")[0]
    assert (job.attempts, job.error) == (1, "never")


def test_a_failure_that_the_database_cannot_store_as_it_is_is_recorded_all_the_same(stage):

    job_id = enqueue("test.bug", "ffmpeg said: ")
    odd = enqueue("test.odd_bug")

    failure = eventually(lambda: JobError.objects.filter(job_id=odd).first())
    assert failure.message == "a zero \\x00 and half a pair \\udcff"
    assert eventually(lambda: JobError.objects.filter(job_id=job_id).first()).fate == "bug"


def test_a_dead_process_spends_an_attempt_each_time_until_the_job_is_dead(stage):

    job_id = enqueue("test.die", 99)

    job = settled(job_id, as_="dead")[0]
    assert job.attempts == job.max_attempts == 5
    assert fates_of(job_id) == ["lost"] * 5


def test_a_body_that_leaves_the_program_is_a_failed_attempt(stage):

    job_id = enqueue("test.leave_the_program")

    settled(job_id, as_="dead")
    assert len(fates_of(job_id)) == 2


def test_a_body_that_finds_no_memory_ends_no_worker(workers):

    job_id = enqueue("test.run_out_of_memory")

    settled(job_id, as_="dead")
    assert fates_of(job_id) == ["bug"]
    assert holds(lambda: all(worker.process.poll() is None for worker in workers), for_seconds=5)


def test_jobs_asked_for_by_an_attempt_that_dies_are_asked_for_once():
    job_id = enqueue("test.enqueue_then_die", 1)

    settled(job_id)
    family = Job.objects.filter(root_id=job_id).exclude(pk=job_id)
    eventually(lambda: family.count() >= 6 and not family.exclude(state="succeeded").exists())
    notes = effects.of(*(str(child.pk) for child in family))
    assert sorted(effect.note for effect in notes) == [
        f"note ['{text}']" for text in ("body", "first", "part 1", "part 2", "plain", "second")
    ]


def test_a_job_longer_than_its_lease_runs_once():
    job_id = enqueue("test.linger", LEASE_SECONDS + 1)

    settled(job_id)
    assert notes_of(job_id) == ["linger started", "linger ended"]


@pytest.mark.parametrize("name", ["test.overrun", "test.overrun_softly"])
def test_a_job_over_its_time_limit_is_settled_once(stage, name):

    job_id = enqueue(signature(name).on_error(step("test.note", "errback")))

    settled(job_id, as_="dead")
    assert fates_of(job_id) == ["timeout"]
    errbacks = Job.objects.filter(root_id=job_id, name="test.note")
    assert eventually(lambda: errbacks.filter(state="succeeded").count()) == 1
    assert errbacks.count() == 1


def test_a_cancelled_job_stops_at_its_next_checkpoint(stage):
    job_id = enqueue("test.linger", 60)
    running_in(job_id)

    assert control.cancel(job_id)

    settled(job_id, as_="cancelled")
    assert notes_of(job_id) == ["linger started"]


def test_a_job_that_is_terminated_is_settled_at_once(stage):
    job_id = enqueue("test.linger", 60)
    running_in(job_id)
    eventually(lambda: effects.of(job_id))

    with broker_of_this_process(stage.broker.url):
        current_app.control.revoke(job_id, terminate=True)

    settled(job_id, as_="cancelled", within_seconds=LEASE_SECONDS)
    assert Job.objects.get(pk=job_id).failures.count() == 0


def test_a_job_revoked_in_flower_is_cancelled(stage):
    busy = [enqueue("test.linger", 60, f"busy {number}") for number in range(4)]
    for job_id in busy:
        running_in(job_id)
    waiting = enqueue("test.note", "never")
    eventually(lambda: Job.objects.get(pk=waiting).published_at)

    with broker_of_this_process(stage.broker.url):
        current_app.control.revoke(waiting)

    settled(waiting, as_="cancelled")
    for job_id in busy:
        control.cancel(job_id)
    settled(*busy, as_="cancelled")
    assert effects.of(waiting) == []


def test_jobs_of_one_key_run_one_at_a_time_and_in_order_over_two_workers(stage):
    keys = {
        key: [enqueue("test.linger", 0.05, f"{key} {n}", order_key=key) for n in range(8)] for key in "ab"
    }

    for key, job_ids in keys.items():
        settled(*job_ids, within_seconds=30)
        notes = [effect.note for effect in effects.of(*job_ids)]
        assert notes == [f"{key} {n} {word}" for n in range(8) for word in ("started", "ended")]


def test_a_dead_job_lets_the_next_of_its_key_go(stage):
    first = enqueue("test.refuse", order_key="k")
    second = enqueue("test.note", "behind a dead one", order_key="k")

    settled(first, as_="dead")
    settled(second)


def test_two_workers_together_keep_to_a_rate_and_use_it(stage):
    job_ids = [enqueue("test.limited", number) for number in range(100)]

    jobs = settled(*job_ids, within_seconds=40)

    ran_at = [effect.at for effect in effects.of(*job_ids)]
    # Never more than 20 in a moving window of a second.
    assert all(
        (later - first).total_seconds() >= 1 for first, later in zip(ran_at, ran_at[20:], strict=False)
    )
    rate = 80 / (ran_at[80] - ran_at[0]).total_seconds()
    assert rate >= 0.9 * 20
    assert {job.attempts for job in jobs} == {1}


def test_a_message_delivered_fifty_times_runs_its_job_once(stage):
    job_id = enqueue("test.linger", 1)
    running_in(job_id)

    deliver(stage, job_id, times=50)

    settled(job_id)
    eventually(lambda: stage.broker.waiting("maintenance") == 0)
    settled(enqueue("test.note", "behind the copies"))
    assert notes_of(job_id) == ["linger started", "linger ended"]


def test_a_pool_process_keeps_its_database_session_from_job_to_job(stage, workers):
    processes = sum(len(worker.pool()) for worker in workers)

    jobs = settled(*(enqueue("test.session") for _ in range(10 * processes)))

    assert len({job.result for job in jobs}) <= processes
    assert len({job.worker for job in jobs}) > 1


def test_a_killed_relay_is_started_again(workers):
    worker = workers[0]
    [relay] = eventually(worker.relays)

    relay.kill()

    settled(enqueue("test.note", "after the relay was killed"))
    assert eventually(worker.relays)[0].pid != relay.pid


def test_relays_and_pools_outlive_the_loss_of_their_database_connections(workers):
    relays = [eventually(worker.relays)[0] for worker in workers]
    pools = [process for worker in workers for process in worker.pool()]

    cut_database_connections()

    settled(*(enqueue("test.note", "after the cut") for _ in range(8)), within_seconds=20)
    assert all(process.is_running() for process in (*relays, *pools))


def test_a_single_job_of_one_owner_is_not_behind_sixty_of_another(stage):
    """With two processes: behind the two jobs that run, and the one of the flood that is next."""
    flood = [enqueue("test.linger", 0.2, share_key="many") for _ in range(60)]
    eventually(lambda: Job.objects.filter(state=JobState.SUCCEEDED).count() >= 4, within_seconds=30)
    asked_at = timezone.now()
    single = enqueue("test.linger", 0.2, share_key="one")

    [job] = settled(single, within_seconds=30)

    between = Job.objects.filter(pk__in=flood, started_at__gte=asked_at, started_at__lt=job.started_at)
    assert between.count() <= 4
    settled(*flood, within_seconds=60)
