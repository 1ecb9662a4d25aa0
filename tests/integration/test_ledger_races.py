"""Two at one instant, each on a connection of its own: neither commits before the other has acted or waits for it."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from celery import signature
from django.db import connection, transaction
from django.utils import timezone

from celery_ledger import control
from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.canvas import chord, step
from celery_ledger.errors import Fate, LeaseLost
from celery_ledger.ledger import claims, due_jobs, rows
from celery_ledger.models import Chord, Job
from celery_ledger.settling import settle
from celery_ledger.settling.judge import Failure
from celery_ledger.settling.rescue import refuse_unpublishable, rescue
from tests.eventually import eventually
from tests.integration.testtasks import effects

QUEUE = "maintenance"
LEASE_SECONDS = 60
#: Who comes first is chance: often enough that each does.
ROUNDS = range(8)

FAILED = Failure(Fate.TRANSIENT, "Transient", "not yet")


@pytest.fixture(autouse=True)
def empty(ledger):
    yield
    Job.objects.all().delete()
    Chord.objects.all().delete()
    effects.empty_table()


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Do both, each in a transaction that overlaps with the other's; return what each returned or raised."""
    start = threading.Barrier(2, timeout=10)
    acted = [threading.Event(), threading.Event()]

    def do(number: int) -> Any:
        try:
            start.wait()
            with transaction.atomic():
                try:
                    return acts[number]()
                finally:
                    acted[number].set()
                    eventually(lambda: acted[1 - number].is_set() or somebody_waits_for_us())
        except LeaseLost as lost:
            return lost
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(do, range(2)))


def somebody_waits_for_us() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "select exists (select from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid)))"
        )
        return bool(cursor.fetchone()[0])


def take_due() -> list[str]:
    return [job.id for job in due_jobs.take_due([QUEUE], batch=200, in_flight=1000)]


def claim(job_id: str) -> rows.Claimed | None:
    return claims.claim(job_id, uuid4(), "w@host/1", LEASE_SECONDS)


def published(**options: Any) -> str:
    job_id = enqueue("test.note", **options)
    take_due()
    return job_id


def attempt(job_id: str) -> settle.Attempt:
    return settle.Attempt.of(claim(job_id))


def silence(job_id: str) -> None:
    """Let the lease run out."""
    Job.objects.filter(pk=job_id).update(lease_until=timezone.now() - timedelta(seconds=1))


def rescue_silent(job_id: str) -> int:
    silence(job_id)
    return rescue()


def succeed(held: settle.Attempt, result: Any = None) -> None:
    effects.leave(held.id)
    settle.succeed(held, result)


def row(job_id: str) -> Job:
    return Job.objects.get(pk=job_id)


@pytest.mark.parametrize("_round", ROUNDS)
def test_two_workers_claim_a_job_once(_round):
    job_id = published()

    claims = at_once(lambda: claim(job_id), lambda: claim(job_id))

    assert [bool(claimed) for claimed in claims].count(True) == 1
    assert (row(job_id).state, row(job_id).attempts) == ("running", 1)


@pytest.mark.parametrize("_round", ROUNDS)
def test_two_jobs_of_a_key_do_not_both_begin(_round):
    earlier = published(order_key="k")
    control.cancel(earlier)
    later = published(order_key="k")

    # The message of the earlier one is under way still, from before it was cancelled.
    at_once(lambda: control.retry(earlier) and claim(earlier), lambda: claim(later))

    assert Job.objects.filter(state="running").count() == 1


@pytest.mark.parametrize("_round", ROUNDS)
def test_a_job_is_refused_or_claimed_beside_another_of_its_key_and_no_transaction_breaks(_round):
    earlier = published(order_key="k")
    control.cancel(earlier)
    later = published(order_key="k")

    def claim_and_go_on() -> None:
        claim(later)
        effects.leave(later)

    at_once(
        lambda: control.retry(earlier) and refuse_unpublishable(earlier, "too large"),
        claim_and_go_on,
    )

    assert Job.objects.filter(state="running").count() <= 1
    assert len(effects.noted(later)) == 1


@pytest.mark.parametrize("_round", ROUNDS)
def test_a_worker_that_settles_and_the_rescuer_do_not_both_have_the_job(_round):
    job_id = published()
    held = attempt(job_id)
    silence(job_id)

    settled, rescued = at_once(lambda: succeed(held), rescue)

    if rescued:
        assert isinstance(settled, LeaseLost)
        take_due()
        succeed(attempt(job_id))
    assert (row(job_id).state, row(job_id).failures.count()) == ("succeeded", rescued)
    assert len(effects.noted(job_id)) == 1


@pytest.mark.parametrize("_round", ROUNDS)
def test_two_rescuers_charge_an_attempt_once(_round):
    job_id = published()
    claim(job_id)
    silence(job_id)

    assert sorted(at_once(rescue, rescue)) == [0, 1]

    assert (row(job_id).state, row(job_id).failures.count()) == ("retrying", 1)


@pytest.mark.parametrize("_round", ROUNDS)
def test_a_cancel_and_a_claim_miss_neither(_round):
    job_id = published()

    cancelled, claimed = at_once(lambda: control.cancel(job_id), lambda: claim(job_id))

    assert cancelled
    job = row(job_id)
    assert (job.state, bool(job.cancel_requested_at)) == (
        ("running", True) if claimed else ("cancelled", False)
    )


@pytest.mark.parametrize(
    "end_of_attempt",
    [
        lambda held: settle.fail(held, FAILED),
        lambda held: claims.hand_back(held.id, held.worker),
        lambda held: rescue_silent(held.id),
    ],
    ids=["fails", "handed back", "rescued"],
)
@pytest.mark.parametrize("_round", ROUNDS)
def test_a_cancel_is_heard_while_the_attempt_ends(end_of_attempt, _round):
    job_id = published()
    held = attempt(job_id)

    cancelled, _ended = at_once(lambda: control.cancel(job_id), lambda: end_of_attempt(held))

    assert (cancelled, row(job_id).state) == (True, "cancelled")


@pytest.mark.parametrize("_round", ROUNDS)
def test_two_parts_of_a_chord_ask_for_its_body_once(_round):
    body_id = enqueue(chord([step("test.note", 1), step("test.note", 2)], signature("test.total")))
    first, second = map(attempt, take_due())

    at_once(lambda: succeed(first, 1), lambda: succeed(second, 2))

    [total] = Job.objects.filter(name="test.total")
    assert (str(total.pk), sorted(total.args[0])) == (body_id, [1, 2])


@pytest.mark.parametrize("_round", ROUNDS)
def test_two_relays_take_each_job_once(_round):
    asked = [enqueue("test.note") for _ in range(5)] + [enqueue("test.note", order_key="k") for _ in range(2)]

    one, other = at_once(take_due, take_due)

    assert sorted(one + other) == sorted(asked[:-1])


@pytest.mark.parametrize("_round", ROUNDS)
def test_two_who_ask_with_one_key_get_one_job(_round):
    def ask() -> str:
        return enqueue("test.note", unique_key="k")

    first, second = at_once(ask, ask)

    assert first == second
    assert Job.objects.count() == 1
