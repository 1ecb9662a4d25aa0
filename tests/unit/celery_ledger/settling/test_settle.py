"""The end of an attempt: outcome, history, result and continuation commit together or not at all."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import pytest
from celery import current_app, signature
from django.db import connection, transaction
from structlog.testing import capture_logs

from celery_ledger import control
from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.canvas import chain, chord, step
from celery_ledger.errors import LeaseLost, LedgerError, Permanent
from celery_ledger.models import Chord, ChordPart, Job, JobError
from celery_ledger.settling import chords, settle
from celery_ledger.settling.judge import Failure, Fate
from tests.rows import a_job
from tests.unit.celery_ledger.worker import attempt, claimed, deliver

pytestmark = pytest.mark.django_db

FAILED = Failure(Fate.TRANSIENT, "Transient", "why", "traceback")
REFUSED = Failure(Fate.PERMANENT, "Permanent", "never")


def others_than(job_id):
    return Job.objects.exclude(pk=job_id)


def chained():
    """Ask for a chain of two; return the id of its first job."""
    enqueue(chain(step("test.add", 1, 2), signature("test.note")))
    return str(Job.objects.get().pk)


def take_away(job_id):
    """Give the job to another worker, as the rescuer does."""
    Job.objects.filter(pk=job_id).update(
        state="retrying", claim_token=None, lease_until=None, published_at=None
    )
    claimed(job_id)


def test_success_enqueues_the_next_step_with_the_result():
    job_id = chained()

    settle.succeed(attempt(job_id), 3)

    assert Job.objects.get(pk=job_id).result == 3
    follower = others_than(job_id).get()
    assert (follower.name, follower.args) == ("test.note", [3])
    assert (str(follower.parent_id), str(follower.root_id)) == (job_id, job_id)


def test_a_rollback_takes_settling_and_continuation_back_together():
    job_id = chained()
    held = attempt(job_id)

    with transaction.atomic():
        settle.succeed(held, 3)
        transaction.set_rollback(True)

    assert Job.objects.get(pk=job_id).state == "running"
    assert not others_than(job_id).exists()


@pytest.mark.parametrize(
    "settling",
    [
        lambda held: settle.succeed(held, 3),
        lambda held: settle.fail(held, FAILED),
        lambda held: settle.fail(held, REFUSED),
        settle.cancel,
    ],
)
def test_who_lost_the_lease_changes_nothing(settling):
    job_id = chained()
    held = attempt(job_id)
    take_away(job_id)

    with pytest.raises(LeaseLost):
        settling(held)

    job = Job.objects.get(pk=job_id)
    assert (job.state, job.attempts, job.result) == ("running", 2, None)
    assert not others_than(job_id).exists()
    assert not JobError.objects.exists()


def test_a_failed_attempt_is_kept_and_tried_again():
    job_id = enqueue("test.note")

    verdict = settle.fail(attempt(job_id), FAILED)

    assert not verdict.is_dead
    job = Job.objects.get(pk=job_id)
    assert (job.state, job.error) == ("retrying", "why")
    [failure] = job.failures.all()
    assert (failure.attempt, failure.fate, failure.error_class, failure.message, failure.traceback, failure.worker) == (
        1, "transient", "Transient", "why", "traceback", "w@host/1",
    )  # fmt: skip


def test_a_failed_attempt_of_a_job_that_is_to_stop_is_its_last():
    job_id = enqueue("test.note")
    held = attempt(job_id)
    control.cancel(job_id)

    verdict = settle.fail(held, FAILED)

    job = Job.objects.get(pk=job_id)
    assert (job.state, job.failures.get().message) == ("cancelled", "why")
    assert (verdict.is_cancelled, verdict.is_dead) == (True, False)


def test_the_last_attempt_makes_the_job_dead():
    job_id = enqueue("test.note")
    Job.objects.update(attempts=4)

    assert settle.fail(attempt(job_id), FAILED).is_dead

    assert Job.objects.get(pk=job_id).state == "dead"


def test_attempts_before_a_retry_by_hand_do_not_count(settings):
    settings.JOB_RETRY_BASE_SECONDS = 60
    job_id = enqueue("test.note")
    Job.objects.update(attempts=5, attempts_before=5, max_attempts=10)

    verdict = settle.fail(attempt(job_id), FAILED)

    assert 60 <= verdict.retry_in_seconds <= 66


def test_a_dead_job_calls_its_errbacks_once_an_attempt():
    job_id = enqueue(step("test.note").on_error(signature("test.note")).on_error(step("test.note", "fixed")))

    settle.fail(attempt(job_id), REFUSED)

    assert sorted(map(str, others_than(job_id).values_list("args", flat=True))) == sorted(
        [f"['{job_id}']", "['fixed']"]
    )


def test_an_errback_whose_task_is_gone_does_not_keep_the_job_from_being_buried():
    job_id = enqueue(step("test.note").on_error(step("test.note")))
    Job.objects.update(canvas={"errbacks": [dict(step("test.removed")), dict(step("test.note", "kept"))]})

    settle.fail(attempt(job_id), REFUSED)

    assert Job.objects.get(pk=job_id).state == "dead"
    assert others_than(job_id).get().args == ["kept"]


def test_a_part_settled_counts_for_its_chord_and_the_last_one_asks_for_the_body():
    body_id = enqueue(chord([step("test.add", 1, 2), step("test.add", 3, 4)], signature("test.total")))
    first, second = (str(pk) for pk in Job.objects.order_by("group_index").values_list("pk", flat=True))

    settle.succeed(attempt(second), 7)
    assert not Job.objects.filter(pk=body_id).exists()
    settle.succeed(attempt(first), 3)

    assert Job.objects.get(pk=body_id).args == [[3, 7]]
    assert Chord.objects.get().fired_at


def a_chord_of(size):
    """Enqueue a chord and return the id of its body and the claimed attempts of its header."""
    body_id = enqueue(chord([step("test.add", n, 0) for n in range(size)], signature("test.total")))
    parts = Job.objects.order_by("group_index").values_list("pk", flat=True)
    return body_id, [attempt(str(pk)) for pk in parts]


@pytest.mark.django_db(transaction=True)
def test_a_part_that_is_not_the_last_is_settled_in_one_statement(django_assert_num_queries):
    _, [first, _] = a_chord_of(2)

    with django_assert_num_queries(1):
        settle.succeed(first, 7)

    job = Job.objects.get(pk=first.id)
    assert (job.state, job.result, job.claim_token, job.lease_until) == ("succeeded", 7, None, None)
    assert Chord.objects.get().returned == 1
    assert ChordPart.objects.get().result == 7


@pytest.mark.django_db(transaction=True)
def test_parts_settled_at_the_same_time_are_all_counted():
    size = 24
    body_id, attempts = a_chord_of(size)

    def give_back(number):
        settle.succeed(attempts[number], number)
        connection.close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(give_back, range(size)))

    assert Chord.objects.get().returned == size
    assert Job.objects.get(pk=body_id).args == [list(range(size))]


@pytest.mark.django_db(transaction=True)
def test_who_lost_the_lease_of_a_part_counts_nothing():
    _, [first, _] = a_chord_of(2)
    Job.objects.filter(pk=first.id).update(claim_token=uuid4())

    with pytest.raises(LeaseLost):
        settle.succeed(first, 7)

    assert Chord.objects.get().returned == 0
    assert not ChordPart.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_part_retried_by_hand_is_counted():
    body_id, [first, second] = a_chord_of(2)
    chords.fail_part(first.part, first.id, 1, first.root_id)
    settle.succeed(first, 1)

    settle.succeed(second, 2)

    assert Job.objects.get(pk=body_id).args == [[1, 2]]


def test_a_cancelled_job_calls_nobody():
    job_id = enqueue(step("test.note").on_error(step("test.note")))

    settle.cancel(attempt(job_id))

    assert Job.objects.get(pk=job_id).state == "cancelled"
    assert not others_than(job_id).exists()


GONE = {"queue": "gone"}


@pytest.mark.parametrize(
    "follower",
    [
        pytest.param({"callbacks": [dict(step("test.note", **GONE))]}, id="callback"),
        pytest.param({"chain": [dict(step("test.note", **GONE))]}, id="next step"),
        pytest.param({"chain": [dict(step("test.removed"))]}, id="next step of a task that is gone"),
    ],
)
def test_a_job_has_succeeded_though_what_follows_it_is_refused(follower):
    job_id = str(a_job(name="test.note", canvas=follower).pk)

    settle.succeed(attempt(job_id), "done")

    job = Job.objects.get()
    assert (job.state, job.result) == ("succeeded", "done")
    failure = job.failures.get()
    assert failure.fate == "refused"
    assert "cannot follow" in failure.message


def test_a_chain_whose_next_step_is_refused_calls_that_steps_errback_and_fails_its_chord():
    chord = Chord.objects.create(
        group_id=uuid4(), size=1, body=dict(step("test.total").set(task_id=str(uuid4())))
    )
    refused = step("test.note", **GONE).set(link_error=[dict(step("test.note", "failed"))])
    last = {
        **dict(refused),
        "options": {**refused.options, "chord": True, "group_id": str(chord.pk), "group_index": 0},
    }
    job_id = str(a_job(name="test.note", canvas={"chain": [last]}).pk)

    settle.succeed(attempt(job_id), "done")

    assert Job.objects.get(name="test.note", args__contains=["failed"]).state == "queued"
    assert chord.parts.get().succeeded is False


def test_a_chain_whose_next_step_has_the_id_of_another_calls_job_fails():
    reused = step("test.add", 1, 2)
    reused.freeze()
    chain(reused, signature("test.note")).delay()
    result = chain(step("test.add", 3, 4), reused, signature("test.note")).delay()
    first = Job.objects.get(args=[3, 4])

    settle.succeed(attempt(str(first.pk)), 7)

    assert "belongs to another call" in first.failures.get().message
    assert result.state == "FAILURE"
    with pytest.raises(LedgerError, match="belongs to another call"):
        result.get(timeout=1)


def test_a_finished_job_runs_again_where_its_id_is_a_part_of_another_chord():
    reused = step("test.add", 1, 2)
    reused.freeze()
    chord([reused], signature("test.note")).delay()
    settle.succeed(attempt(reused.id), 3)
    result = chord([reused, step("test.add", 3, 4)], signature("test.note")).delay()
    other = Job.objects.get(args=[3, 4])

    settle.succeed(attempt(reused.id), 30)
    settle.succeed(attempt(str(other.pk)), 7)

    job = Job.objects.get(pk=reused.id)
    assert (job.attempts, job.attempts_before, job.result) == (2, 1, 30)
    assert Job.objects.get(pk=result.id).args == [[30, 7]]


def test_a_finished_job_runs_again_where_its_id_is_a_step_of_another_chain():
    reused = signature("test.note")
    reused.freeze()
    chain(step("test.add", 1, 2), reused, signature("test.note")).delay()
    deliver(str(Job.objects.get().pk))
    settle.fail(attempt(reused.id), REFUSED)
    result = chain(step("test.add", 3, 4), reused, signature("test.note")).delay()
    first = Job.objects.get(args=[3, 4])

    deliver(str(first.pk))
    assert Job.objects.get(pk=reused.id).args == [7]
    settle.succeed(attempt(reused.id), 8)

    assert Job.objects.get(pk=result.id).args == [8]


def test_a_job_that_was_not_reached_and_then_is_shows_its_own_failure():
    reused = signature("test.note")
    reused.freeze()
    chain(step("test.add", 1, 2), reused, signature("test.note")).delay()
    settle.fail(attempt(str(Job.objects.get().pk)), REFUSED)
    reused.delay()

    settle.fail(attempt(reused.id), replace(REFUSED, message="of its own"))

    with pytest.raises(Exception, match="of its own"):
        current_app.AsyncResult(reused.id).get(timeout=1)


def test_the_last_part_of_a_chord_has_succeeded_though_the_body_is_refused():
    body = signature("test.total", options=GONE).set(
        task_id=str(uuid4()), link_error=[dict(signature("test.note"))]
    )
    chord = Chord.objects.create(group_id=uuid4(), size=1, body=dict(body))
    job_id = str(a_job(name="test.note", canvas={"chord": True}, group_id=chord.pk, group_index=0).pk)

    settle.succeed(attempt(job_id), 1)

    assert Job.objects.get(pk=job_id).state == "succeeded"
    errback = Job.objects.exclude(pk=job_id).get()
    assert (errback.name, errback.args) == ("test.note", [body.options["task_id"]])


@pytest.mark.parametrize(
    "value", [{1, 2}, object(), float("nan"), "a\x00b", "\udcff", [{"deep": float("inf")}]]
)
def test_a_result_that_cannot_be_stored_is_a_success_and_its_body_does_not_run_again(value):
    job_id = enqueue("test.note")

    with capture_logs() as lines:
        settle.succeed(attempt(job_id), value)

    row = Job.objects.get(pk=job_id)
    assert (row.state, row.attempts, row.result["__type__"]) == ("succeeded", 1, "unserialisable")
    assert [line["event"] for line in lines] == ["result_unserialisable"]


@pytest.mark.usefixtures("end_of_heartbeat")
def test_what_follows_and_takes_a_result_that_cannot_be_stored_is_refused_once():
    errback = signature("test.note", args=("errback",))
    enqueue(chain(step("test.add", 1, 2), signature("test.note").on_error(errback)))

    settle.succeed(attempt(str(Job.objects.get().pk)), {1, 2})
    follower = Job.objects.get(name="test.note")
    seen = deliver(follower.pk)

    follower.refresh_from_db()
    assert (follower.state, follower.attempts) == ("dead", 1)
    assert "a result of type builtins.set cannot be stored" in follower.error
    assert isinstance(seen, Permanent)
    assert Job.objects.filter(args__1="errback").exists()


def test_what_follows_and_does_not_take_the_result_goes_on():
    enqueue(chain(step("test.add", 1, 2), step("test.note", "next")))

    settle.succeed(attempt(str(Job.objects.get().pk)), {1, 2})

    assert Job.objects.get(name="test.note").args == ["next"]


@pytest.mark.usefixtures("end_of_heartbeat")
def test_a_chords_body_with_such_a_part_is_refused_once():
    enqueue(chord([step("test.add", 1, 2), step("test.add", 3, 4)], signature("test.note")))

    for number, job in enumerate(Job.objects.order_by("seq")):
        settle.succeed(attempt(str(job.pk)), {1} if number else 3)
    body = Job.objects.get(name="test.note")
    deliver(body.pk)

    body.refresh_from_db()
    assert (body.state, body.attempts) == ("dead", 1)


def test_a_tuple_is_handed_on_as_a_list():
    job_id = chained()

    settle.succeed(attempt(job_id), (1, (2, 3)))

    assert Job.objects.get(pk=job_id).result == [1, [2, 3]]
    assert others_than(job_id).get().args == [[1, [2, 3]]]
