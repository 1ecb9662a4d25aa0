"""Jobs of many owners take turns in a queue."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from celery_ledger import control
from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.canvas import chain, chord, step
from celery_ledger.errors import Fate
from celery_ledger.ledger import claims, due_jobs
from celery_ledger.models import Job
from celery_ledger.publishing import shares
from celery_ledger.settling import settle
from celery_ledger.settling.judge import Failure
from celery_ledger.states import JobState
from tests.rows import a_job
from tests.unit.celery_ledger.worker import publish

pytestmark = pytest.mark.django_db


def take(queue="mail", share=1, in_flight=1000):
    taken = shares.take_shared([queue], batch=200, in_flight=in_flight, share_in_flight=share)
    return [Job.objects.get(pk=job.id).share_key for job in taken]


def claim_all():
    """Let a worker with any number of processes claim what is published."""
    for job in Job.objects.filter(state=JobState.QUEUED, published_at__isnull=False):
        assert claims.claim(str(job.pk), uuid4(), "w@host/1", 60)


def flood(key, count, **fields):
    return [a_job(share_key=key, **fields) for _ in range(count)]


def test_a_single_job_is_published_beside_the_first_of_a_flood():
    flood("many", 60)
    a_job(share_key="one")

    assert sorted(take()) == ["many", "one"]
    assert take() == []


def test_the_next_of_a_key_follows_when_a_worker_has_claimed_the_one_before():
    flood("many", 3)

    published = []
    for _ in range(4):
        published += take()
        claim_all()

    assert published == ["many"] * 3
    assert Job.objects.filter(state=JobState.RUNNING).count() == 3


def test_keys_take_turns_whatever_their_numbers():
    flood("a", 20)
    flood("b", 3)
    flood("c", 3)

    turns = []
    for _ in range(3):
        turns.append(sorted(take()))
        claim_all()

    assert turns == [["a", "b", "c"]] * 3


def test_a_share_may_be_larger():
    flood("many", 5)

    assert take(share=3) == ["many"] * 3


def test_a_key_has_a_share_of_each_queue():
    flood("many", 2)
    flood("many", 2, queue="push")

    assert (take("mail"), take("push")) == (["many"], ["many"])


def test_the_oldest_due_job_of_a_key_goes_first_and_one_not_due_holds_up_none():
    now = timezone.now()
    a_job(share_key="a", run_at=now + timedelta(minutes=1), state=JobState.SCHEDULED)
    late, early = (a_job(share_key="a", run_at=now - timedelta(seconds=age)) for age in (1, 9))

    assert take() == ["a"]
    assert Job.objects.get(published_at__isnull=False).pk == early.pk
    claim_all()
    assert take() == ["a"]
    late.refresh_from_db()
    assert late.published_at


def test_an_order_key_holds_up_its_own_jobs_and_no_others():
    running = a_job(JobState.RUNNING, share_key="a", order_key="k")
    waiting = a_job(share_key="a", order_key="k")
    free = a_job(share_key="a")

    assert take() == ["a"]
    free.refresh_from_db()
    waiting.refresh_from_db()
    assert (bool(free.published_at), waiting.published_at) == (True, None)
    assert running.state == JobState.RUNNING


def test_the_bound_of_the_queue_holds_for_all_keys_together():
    a_job(published_at=timezone.now())
    flood("a", 1)

    assert take(in_flight=1) == []
    assert take(in_flight=2) == ["a"]


def test_jobs_without_a_key_are_left_to_the_other_statement():
    job, shared = a_job(), a_job(share_key="a")

    assert take() == ["a"]
    assert [taken.id for taken in due_jobs.take_due(["mail"], batch=9, in_flight=9)] == [str(job.pk)]
    shared.refresh_from_db()
    assert shared.publications == 1


def test_a_shared_job_in_a_queue_of_nobody_is_found():
    job = a_job(share_key="a", queue="gone", run_at=timezone.now() - timedelta(hours=2))

    assert due_jobs.take_stranded(["mail"], 3600, batch=9) == [(str(job.pk), "gone")]


class TestInheritance:
    def test_all_jobs_of_a_canvas_have_the_key(self):
        beside = [step("test.add", 1, 2), chain(step("test.add", 1, 2), step("test.add", 3, 4))]
        enqueue(chain(step("test.add", 1, 1), chord(beside, step("test.total", []))), share_key="u")

        while ready := publish():
            for job_id in ready:
                settle.succeed(settle.Attempt.of(claims.claim(job_id, uuid4(), "w@host/1", 60)), 1)

        assert set(Job.objects.values_list("share_key", "state")) == {("u", "succeeded")}
        assert Job.objects.count() == 5

    def test_each_part_of_a_group_has_it(self):
        enqueue(
            chord([step("test.add", 1, 2), step("test.add", 1, 2)], step("test.total", [])), share_key="u"
        )

        assert list(Job.objects.values_list("share_key", flat=True)) == ["u", "u"]

    def test_an_errback_has_it(self):
        signature = step("test.add", 1, 2).on_error(step("test.note", "failed"))
        job_id = enqueue(signature, share_key="u")
        publish()
        claimed = claims.claim(job_id, uuid4(), "w@host/1", 60)

        settle.fail(settle.Attempt.of(claimed), Failure(Fate.PERMANENT, "Permanent", "no"))

        assert list(Job.objects.exclude(pk=job_id).values_list("name", "share_key")) == [("test.note", "u")]

    def test_a_job_of_a_family_of_its_own_has_none(self):
        enqueue("test.add", 1, 2, share_key="u")
        enqueue("test.add", 1, 2)

        assert sorted(Job.objects.values_list("share_key", flat=True), key=str) == [None, "u"]

    def test_a_job_retried_by_hand_keeps_it(self):
        job = a_job(JobState.DEAD, share_key="u")

        assert control.retry(str(job.pk))

        job.refresh_from_db()
        assert (job.share_key, take()) == ("u", ["u"])
