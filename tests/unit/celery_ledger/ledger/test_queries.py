"""Each statement of the ledger, alone and against a second connection."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from celery_ledger import control
from celery_ledger.ledger import queries, wakeup
from celery_ledger.models import Job
from celery_ledger.states import JobState
from tests.eventually import eventually
from tests.rows import a_job
from tests.unit.celery_ledger.worker import publish


def reread(job):
    return Job.objects.get(pk=job.pk)


def claim(job, token=None, worker="w@host/1"):
    return queries.claim(str(job.pk), token or uuid4(), worker, 60)


def ago(seconds):
    return timezone.now() - timedelta(seconds=seconds)


class TestTakeDue:
    pytestmark = pytest.mark.django_db

    def test_due_jobs_are_marked_and_returned_oldest_first(self):
        late, early = a_job(run_at=ago(1)), a_job(run_at=ago(9))

        [first] = queries.take_due(["mail"], batch=1, in_flight=10)
        [second] = queries.take_due(["mail"], batch=1, in_flight=10)

        assert [first.id, second.id] == [str(early.pk), str(late.pk)]
        assert (reread(early).publications, bool(reread(early).published_at)) == (1, True)

    @pytest.mark.parametrize("state", [JobState.SCHEDULED, JobState.RETRYING])
    def test_a_job_whose_time_has_come_is_queued(self, state):
        job = a_job(state)

        assert publish() == [str(job.pk)]
        assert reread(job).state == JobState.QUEUED

    @pytest.mark.parametrize("state", [JobState.SCHEDULED, JobState.RETRYING, JobState.QUEUED])
    def test_a_job_whose_time_has_not_come_is_left(self, state):
        a_job(state, run_at=ago(-60))

        assert publish() == []

    @pytest.mark.parametrize("state", ["running", "succeeded", "dead", "cancelled"])
    def test_a_job_that_does_not_wait_is_left(self, state):
        a_job(state, published_at=None)

        assert publish() == []

    def test_a_published_job_is_not_published_again(self):
        a_job()

        assert len(publish()) == 1
        assert publish() == []

    def test_a_queue_that_nobody_asked_for_is_left(self):
        a_job(queue="media")

        assert publish("mail") == []

    def test_of_a_queue_only_so_many_are_in_flight(self):
        jobs = [a_job() for _ in range(5)]
        other = a_job(queue="maintenance")

        assert len(publish(in_flight=2)) == 3
        assert reread(other).published_at
        assert publish(in_flight=2) == []

        claim(Job.objects.filter(queue="mail", published_at__isnull=False).first())
        assert len(publish(in_flight=2)) == 1
        assert len(jobs) == 5

    def test_the_lower_number_goes_first_whatever_its_age(self):
        late, normal, urgent = (a_job(priority=rank, run_at=ago(9 - rank)) for rank in (5, 0, -5))

        assert publish(in_flight=2) == [str(urgent.pk), str(normal.pk)]
        assert not reread(late).published_at

    def test_a_priority_whose_jobs_wait_for_their_time_holds_up_no_other(self):
        a_job(priority=-5, run_at=ago(-60))
        normal = a_job()

        assert publish() == [str(normal.pk)]

    def test_an_expired_job_is_not_published(self):
        a_job(expires_at=ago(1))
        live, begun = a_job(expires_at=ago(-60)), a_job("retrying", expires_at=ago(1), attempts=1)

        assert set(publish()) == {str(live.pk), str(begun.pk)}

    def test_of_an_order_key_only_the_oldest_unfinished_is_due(self):
        first, second = a_job(order_key="k", run_at=ago(1)), a_job(order_key="k", run_at=ago(60))

        assert publish() == [str(first.pk)]
        assert publish() == []
        Job.objects.filter(pk=first.pk).update(state="succeeded", finished_at=timezone.now())
        assert publish() == [str(second.pk)]

    def test_a_scheduled_job_holds_up_the_later_ones_of_its_key(self):
        a_job(JobState.SCHEDULED, order_key="k", run_at=ago(-60))
        a_job(order_key="k")

        assert publish() == []

    def test_a_job_retried_by_hand_waits_for_the_one_of_its_key_that_runs(self):
        retried = a_job(order_key="k")
        a_job(JobState.RUNNING, order_key="k")

        assert publish() == []
        assert reread(retried).published_at is None

    def test_the_answer_has_what_the_message_needs(self):
        a_job(name="test.add", headers={"trace": "t"}, attempts=2)

        [taken] = queries.take_due(["mail"], batch=1, in_flight=1)

        assert (taken.name, taken.queue, taken.headers, taken.attempts) == (
            "test.add",
            "mail",
            {"trace": "t"},
            2,
        )


def test_two_relays_never_take_the_same_job(other):
    first = a_job(run_at=ago(9))
    second = a_job(run_at=ago(1))

    with transaction.atomic():
        mine = [job.id for job in queries.take_due(["mail"], batch=1, in_flight=10)]
        theirs = other(publish)

    assert mine == [str(first.pk)]
    assert theirs == [str(second.pk)]


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
        assert queries.line_up(str(waiting.pk))

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
        assert not queries.line_up(str(a_job(JobState.RUNNING, order_key="k").pk))
        assert not queries.line_up(str(a_job(published_at=timezone.now()).pk))


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


def claim_elsewhere(job):
    try:
        return claim(job)
    finally:
        connection.close()


def somebody_waits_for_a_lock():
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_locks where not granted")
        return cursor.fetchone()[0]


@pytest.mark.django_db
class TestSettling:
    @pytest.mark.parametrize(
        ("settling", "state"),
        [
            (lambda job, token: queries.settle_succeeded(job, token, {"a": 1}), "succeeded"),
            (lambda job, token: queries.settle_dead(job, token, "why"), "dead"),
            (queries.settle_cancelled, "cancelled"),
            (lambda job, token: queries.settle_retrying(job, token, "why", 60), "retrying"),
            (queries.await_replacement, "scheduled"),
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

        queries.settle_retrying(str(job.pk), job.claim_token, "why", 60)

        row = reread(job)
        assert timedelta(seconds=55) < row.run_at - timezone.now() < timedelta(seconds=61)
        assert (row.error, row.published_at, row.publications) == ("why", None, 0)

    def test_a_job_handed_back_has_spent_no_attempt_and_is_due(self):
        job = a_job(JobState.RUNNING, attempts=2)

        assert not queries.hand_back(str(job.pk), "another@host/1")
        assert queries.hand_back(str(job.pk), job.worker)

        assert (reread(job).attempts, publish()) == (1, [str(job.pk)])

    def test_a_job_that_is_to_stop_is_not_handed_back_to_run_again(self):
        job = a_job(JobState.RUNNING, attempts=2, cancel_requested_at=timezone.now())

        assert queries.hand_back(str(job.pk), job.worker)

        row = reread(job)
        assert (row.state, row.attempts, bool(row.finished_at)) == ("cancelled", 1, True)
        assert publish() == []

    def test_a_job_that_is_to_stop_does_not_wait_for_a_retry(self):
        job = a_job(JobState.RUNNING, cancel_requested_at=timezone.now())

        assert not queries.settle_retrying(str(job.pk), job.claim_token, "why", 60)
        assert reread(job).state == "running"


@pytest.mark.django_db
class TestLeases:
    def test_a_lease_is_renewed_by_its_holder_alone(self):
        job = a_job(JobState.RUNNING)

        assert queries.renew_lease(str(job.pk), job.claim_token, 600) is False
        assert queries.renew_lease(str(job.pk), uuid4(), 600) is None
        assert queries.look_at_lease(str(job.pk), uuid4()) is None
        assert reread(job).lease_until - timezone.now() > timedelta(minutes=9)

    def test_a_look_sees_that_cancel_was_asked_for(self):
        job = a_job(JobState.RUNNING, cancel_requested_at=timezone.now())

        assert queries.look_at_lease(str(job.pk), job.claim_token) is True
        assert queries.renew_lease(str(job.pk), job.claim_token, 60) is True

    def test_lost_jobs_are_those_whose_lease_ran_out(self):
        lost = a_job(JobState.RUNNING, lease_until=ago(1))
        a_job(JobState.RUNNING)

        assert [held.id for held in queries.lock_lost(batch=10)] == [str(lost.pk)]

    def test_a_job_is_locked_for_the_process_that_holds_it(self):
        job = a_job(JobState.RUNNING)

        assert queries.lock_held_by(str(job.pk), job.worker).id == str(job.pk)
        assert queries.lock_held_by(str(job.pk), "another@host/1") is None


def test_two_rescuers_share_the_lost_jobs(other):
    for _ in range(2):
        a_job(JobState.RUNNING, lease_until=ago(1))

    with transaction.atomic():
        mine = queries.lock_lost(batch=1)
        theirs = other(lambda: atomically(queries.lock_lost, batch=10))

    assert len(mine) == len(theirs) == 1
    assert mine[0].id != theirs[0].id


def atomically(function, **options):
    with transaction.atomic():
        return function(**options)


@pytest.mark.django_db
class TestRepublishing:
    @pytest.mark.parametrize(
        ("publications", "after_seconds"), [(1, 30), (2, 60), (4, 240), (7, 1920), (20, 1920)]
    )
    def test_the_wait_for_a_lost_message_doubles_up_to_a_bound(self, publications, after_seconds):
        early = a_job(published_at=ago(after_seconds - 5), publications=publications)
        late = a_job(published_at=ago(after_seconds + 5), publications=publications)

        assert queries.republish_unclaimed(30, batch=10) == 1

        assert reread(early).published_at
        assert reread(late).published_at is None

    def test_a_claimed_job_is_not_published_again(self):
        a_job(JobState.RUNNING, published_at=ago(600), publications=1)

        assert queries.republish_unclaimed(30, batch=10) == 0

    @pytest.mark.parametrize("state", [JobState.RUNNING, JobState.SUCCEEDED])
    def test_a_message_that_is_only_behind_others_is_not_sent_again(self, state):
        a_job(state, published_at=ago(60), started_at=ago(1), publications=1)
        a_job(published_at=ago(45), publications=1)

        assert queries.republish_unclaimed(30, batch=10) == 0

    @pytest.mark.parametrize(
        ("queue", "published", "started"),
        [
            ("mail", 40, 1),  # overtaken
            ("mail", 60, 31),  # long under way: nobody says that the queue moves
            ("push", 60, 1),
        ],
    )
    def test_a_message_that_its_queue_has_passed_by_is_sent_again(self, queue, published, started):
        a_job(
            JobState.RUNNING,
            queue=queue,
            published_at=ago(published),
            started_at=ago(started),
            publications=1,
        )
        a_job(published_at=ago(45), publications=1)

        assert queries.republish_unclaimed(30, batch=10) == 1

    def test_a_broker_that_is_away_leaves_no_trace(self):
        job = a_job()
        publish()

        queries.unmark_published([str(job.pk)])

        assert (reread(job).published_at, reread(job).publications) == (None, 0)

    def test_a_job_claimed_in_spite_of_an_error_is_left(self):
        job = a_job(JobState.RUNNING)

        queries.unmark_published([str(job.pk)])

        assert reread(job).published_at


@pytest.mark.django_db
class TestNextDue:
    def test_the_next_due_time_bounds_the_wait(self):
        assert queries.next_due_seconds(["mail"], 5) == 5
        a_job(JobState.RETRYING, run_at=ago(-2))
        assert 1 < queries.next_due_seconds(["mail"], 5) <= 2
        assert queries.next_due_seconds(["media"], 5) == 5

    def test_a_postponed_job_waits_without_spending_an_attempt(self):
        job = a_job(published_at=timezone.now(), publications=3)

        queries.postpone(str(job.pk), 60)

        row = reread(job)
        assert (row.state, row.attempts, row.published_at, row.publications) == ("scheduled", 0, None, 0)
        assert publish() == []


def test_asking_for_a_job_wakes_a_listener_when_it_is_committed(other):
    def listen():
        with connection.cursor() as cursor:
            cursor.execute(f"listen {queries.CHANNEL}")

    def heard(seconds):
        return len(list(connection.connection.notifies(timeout=seconds, stop_after=1)))

    other(listen)
    with transaction.atomic():
        wakeup.wake_relays()
        assert other(heard, 0) == 0
    assert other(heard, 5) == 1
