"""Due jobs are taken once, in order, and come back where the broker lost them."""

import pytest
from django.db import connection, transaction
from django.utils import timezone

from celery_ledger.ledger import claims, due_jobs, wakeup
from celery_ledger.models import Job
from celery_ledger.states import JobState
from tests.rows import a_job
from tests.unit.celery_ledger.ledger.ledger_rows import ago, claim, reread
from tests.unit.celery_ledger.worker import publish


class TestTakeDue:
    pytestmark = pytest.mark.django_db

    def test_due_jobs_are_marked_and_returned_oldest_first(self):
        late, early = a_job(run_at=ago(1)), a_job(run_at=ago(9))

        [first] = due_jobs.take_due(["mail"], batch=1, in_flight=10)
        [second] = due_jobs.take_due(["mail"], batch=1, in_flight=10)

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

        [taken] = due_jobs.take_due(["mail"], batch=1, in_flight=1)

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
        mine = [job.id for job in due_jobs.take_due(["mail"], batch=1, in_flight=10)]
        theirs = other(publish)

    assert mine == [str(first.pk)]
    assert theirs == [str(second.pk)]


@pytest.mark.django_db
class TestRepublishing:
    @pytest.mark.parametrize(
        ("publications", "after_seconds"), [(1, 30), (2, 60), (4, 240), (7, 1920), (20, 1920)]
    )
    def test_the_wait_for_a_lost_message_doubles_up_to_a_bound(self, publications, after_seconds):
        early = a_job(published_at=ago(after_seconds - 5), publications=publications)
        late = a_job(published_at=ago(after_seconds + 5), publications=publications)

        assert due_jobs.republish_unclaimed(30, batch=10) == 1

        assert reread(early).published_at
        assert reread(late).published_at is None

    def test_a_claimed_job_is_not_published_again(self):
        a_job(JobState.RUNNING, published_at=ago(600), publications=1)

        assert due_jobs.republish_unclaimed(30, batch=10) == 0

    @pytest.mark.parametrize("state", [JobState.RUNNING, JobState.SUCCEEDED])
    def test_a_message_that_is_only_behind_others_is_not_sent_again(self, state):
        a_job(state, published_at=ago(60), started_at=ago(1), publications=1)
        a_job(published_at=ago(45), publications=1)

        assert due_jobs.republish_unclaimed(30, batch=10) == 0

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

        assert due_jobs.republish_unclaimed(30, batch=10) == 1

    def test_a_broker_that_is_away_leaves_no_trace(self):
        job = a_job()
        publish()

        due_jobs.unmark_published([str(job.pk)])

        assert (reread(job).published_at, reread(job).publications) == (None, 0)

    def test_a_job_claimed_in_spite_of_an_error_is_left(self):
        job = a_job(JobState.RUNNING)

        due_jobs.unmark_published([str(job.pk)])

        assert reread(job).published_at


@pytest.mark.django_db
class TestNextDue:
    def test_the_next_due_time_bounds_the_wait(self):
        assert due_jobs.next_due_seconds(["mail"], 5) == 5
        a_job(JobState.RETRYING, run_at=ago(-2))
        assert 1 < due_jobs.next_due_seconds(["mail"], 5) <= 2
        assert due_jobs.next_due_seconds(["media"], 5) == 5

    def test_a_postponed_job_waits_without_spending_an_attempt(self):
        job = a_job(published_at=timezone.now(), publications=3)

        claims.postpone(str(job.pk), 60)

        row = reread(job)
        assert (row.state, row.attempts, row.published_at, row.publications) == ("scheduled", 0, None, 0)
        assert publish() == []


def test_asking_for_a_job_wakes_a_listener_when_it_is_committed(other):
    def listen():
        with connection.cursor() as cursor:
            cursor.execute(f"listen {due_jobs.CHANNEL}")

    def heard(seconds):
        return len(list(connection.connection.notifies(timeout=seconds, stop_after=1)))

    other(listen)
    with transaction.atomic():
        wakeup.wake_relays()
        assert other(heard, 0) == 0
    assert other(heard, 5) == 1
