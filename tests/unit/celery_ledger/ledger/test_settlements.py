"""Only the holder of a claim settles."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from celery_ledger.ledger import claims, inserts, settlements
from celery_ledger.states import JobState
from tests.rows import a_job
from tests.unit.celery_ledger.ledger.ledger_rows import ago, atomically, reread
from tests.unit.celery_ledger.worker import publish


@pytest.mark.django_db
class TestSettling:
    @pytest.mark.parametrize(
        ("settling", "state"),
        [
            (lambda job, token: settlements.settle_succeeded(job, token, {"a": 1}), "succeeded"),
            (lambda job, token: settlements.settle_dead(job, token, "why"), "dead"),
            (settlements.settle_cancelled, "cancelled"),
            (lambda job, token: settlements.settle_retrying(job, token, "why", 60), "retrying"),
            (inserts.await_replacement, "scheduled"),
        ],
    )
    def test_only_the_holder_settles(self, settling, state):
        job = a_job(JobState.RUNNING)

        assert not settling(str(job.pk), uuid4())
        assert reread(job).state == "running"
        assert settling(str(job.pk), job.claim_token)
        assert not settling(str(job.pk), job.claim_token)

        row = reread(job)
        assert (row.state, row.claim_token, row.lease_until) == (state, None, None)

    def test_a_retry_is_due_after_its_delay(self):
        job = a_job(JobState.RUNNING)

        settlements.settle_retrying(str(job.pk), job.claim_token, "why", 60)

        row = reread(job)
        assert timedelta(seconds=55) < row.run_at - timezone.now() < timedelta(seconds=61)
        assert (row.error, row.published_at, row.publications) == ("why", None, 0)

    def test_a_job_handed_back_has_spent_no_attempt_and_is_due(self):
        job = a_job(JobState.RUNNING, attempts=2)

        assert not claims.hand_back(str(job.pk), "another@host/1")
        assert claims.hand_back(str(job.pk), job.worker)

        assert (reread(job).attempts, publish()) == (1, [str(job.pk)])

    def test_a_job_that_is_to_stop_is_not_handed_back_to_run_again(self):
        job = a_job(JobState.RUNNING, attempts=2, cancel_requested_at=timezone.now())

        assert claims.hand_back(str(job.pk), job.worker)

        row = reread(job)
        assert (row.state, row.attempts, bool(row.finished_at)) == ("cancelled", 1, True)
        assert publish() == []

    def test_a_job_that_is_to_stop_does_not_wait_for_a_retry(self):
        job = a_job(JobState.RUNNING, cancel_requested_at=timezone.now())

        assert not settlements.settle_retrying(str(job.pk), job.claim_token, "why", 60)
        assert reread(job).state == "running"


@pytest.mark.django_db
class TestLeases:
    def test_a_lease_is_renewed_by_its_holder_alone(self):
        job = a_job(JobState.RUNNING)

        assert claims.renew_lease(str(job.pk), job.claim_token, 600) is False
        assert claims.renew_lease(str(job.pk), uuid4(), 600) is None
        assert claims.look_at_lease(str(job.pk), uuid4()) is None
        assert reread(job).lease_until - timezone.now() > timedelta(minutes=9)

    def test_a_look_sees_that_cancel_was_asked_for(self):
        job = a_job(JobState.RUNNING, cancel_requested_at=timezone.now())

        assert claims.look_at_lease(str(job.pk), job.claim_token) is True
        assert claims.renew_lease(str(job.pk), job.claim_token, 60) is True

    def test_lost_jobs_are_those_whose_lease_ran_out(self):
        lost = a_job(JobState.RUNNING, lease_until=ago(1))
        a_job(JobState.RUNNING)

        assert [held.id for held in settlements.lock_lost(batch=10)] == [str(lost.pk)]

    def test_a_job_is_locked_for_the_process_that_holds_it(self):
        job = a_job(JobState.RUNNING)

        assert settlements.lock_held_by(str(job.pk), job.worker).id == str(job.pk)
        assert settlements.lock_held_by(str(job.pk), "another@host/1") is None


def test_two_rescuers_share_the_lost_jobs(other):
    for _ in range(2):
        a_job(JobState.RUNNING, lease_until=ago(1))

    with transaction.atomic():
        mine = settlements.lock_lost(batch=1)
        theirs = other(lambda: atomically(settlements.lock_lost, batch=10))

    assert len(mine) == len(theirs) == 1
    assert mine[0].id != theirs[0].id
