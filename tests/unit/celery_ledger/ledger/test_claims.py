"""One worker claims a job, and renews its lease."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from celery_ledger import control
from celery_ledger.ledger import claims
from celery_ledger.models import Job
from celery_ledger.states import JobState
from tests.eventually import eventually
from tests.rows import a_job
from tests.unit.celery_ledger.ledger.ledger_rows import (
    ago,
    claim,
    claim_elsewhere,
    reread,
    somebody_waits_for_a_lock,
)
from tests.unit.celery_ledger.worker import publish


class TestClaim:
    pytestmark = pytest.mark.django_db

    def test_a_claim_spends_an_attempt_and_holds_the_job(self):
        job, token = a_job(args=[1], kwargs={"a": 2}, canvas={"chord": True}), uuid4()
        publish()

        claimed = claim(job, token)

        row = reread(job)
        assert (row.state, row.attempts, row.claim_token, row.worker) == ("running", 1, token, "w@host/1")
        assert timedelta(seconds=50) < row.lease_until - timezone.now() < timedelta(seconds=61)
        assert (claimed.args, claimed.kwargs, claimed.canvas) == ([1], {"a": 2}, {"chord": True})
        assert (claimed.claim_token, claimed.attempts, claimed.attempts_before) == (token, 1, 0)

    def test_a_second_delivery_claims_nothing(self):
        job = a_job()
        publish()

        assert claim(job)
        assert claim(job) is None
        assert reread(job).attempts == 1

    @pytest.mark.parametrize("state", ["scheduled", "retrying", "running", "succeeded", "dead", "cancelled"])
    def test_only_a_queued_job_is_to_be_had(self, state):
        assert claim(a_job(state)) is None

    def test_an_expired_job_is_not_to_be_had(self):
        job = a_job(expires_at=ago(1), published_at=ago(2))

        assert claim(job) is None

    def test_a_job_whose_key_is_taken_goes_back_into_line(self):
        running = a_job(JobState.RUNNING, order_key="k")
        waiting = a_job(order_key="k", published_at=timezone.now(), publications=1)

        assert claim(waiting) is None
        assert claims.line_up(str(waiting.pk))

        assert publish() == []
        Job.objects.filter(pk=running.pk).update(
            state="succeeded", finished_at=timezone.now(), claim_token=None, lease_until=None
        )
        assert publish() == [str(waiting.pk)]

    def test_a_message_from_an_earlier_time_does_not_jump_the_line(self):
        a_job(JobState.RETRYING, order_key="k", run_at=ago(-60))
        later = a_job(order_key="k", published_at=timezone.now())

        assert claim(later) is None

    def test_a_second_delivery_does_not_go_into_line(self):
        assert not claims.line_up(str(a_job(JobState.RUNNING, order_key="k").pk))
        assert not claims.line_up(str(a_job(published_at=timezone.now()).pk))


def test_two_workers_at_one_instant_claim_a_job_once(other):
    job = a_job()

    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            assert claim(job)
            theirs = thread.submit(claim_elsewhere, job)
            eventually(somebody_waits_for_a_lock)
        assert theirs.result(timeout=10) is None
    assert other(lambda: reread(job).attempts) == 1


def test_two_jobs_of_a_key_are_never_claimed_at_one_instant(other):
    earlier = a_job(JobState.DEAD, order_key="k")
    later = a_job(order_key="k", published_at=timezone.now())

    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            assert claim(later)
            other(lambda: control.retry(earlier.pk))
            theirs = thread.submit(claim_elsewhere, earlier)
            eventually(somebody_waits_for_a_lock)
        assert theirs.result(timeout=10) is None
    assert other(lambda: reread(earlier).state) == "queued"
