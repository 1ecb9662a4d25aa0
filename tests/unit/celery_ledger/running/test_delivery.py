"""`self.retry()` and its relatives, as Celery documents them."""

from datetime import timedelta

import pytest
from celery.exceptions import Ignore, MaxRetriesExceededError, Retry
from django.utils import timezone

from celery_ledger import control
from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.errors import LedgerError
from celery_ledger.ledger import claims
from celery_ledger.models import Job
from celery_ledger.settling.rescue import rescue
from tests.unit.celery_ledger.worker import claimed, deliver

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("end_of_heartbeat")]


def make_due(job_id):
    Job.objects.filter(pk=job_id).update(run_at=timezone.now() - timedelta(hours=1))


def run_out(job_id, limit=20):
    """Deliver the job until it is finished; return its row."""
    for _ in range(limit):
        make_due(job_id)
        deliver(job_id)
        row = Job.objects.get(pk=job_id)
        if row.finished_at:
            return row
    raise AssertionError(row)


def wait_of(job_id):
    return (Job.objects.get(pk=job_id).run_at - timezone.now()).total_seconds()


def test_a_retry_is_another_attempt_of_the_same_job_at_the_time_it_names(declare):
    def body(self):
        raise self.retry(countdown=100, exc=ValueError("busy"))

    job_id = declare(body, bind=True).delay().id

    assert deliver(job_id) is Retry

    row = Job.objects.get()
    assert (str(row.pk), row.state, row.attempts, row.error) == (job_id, "retrying", 1, "busy")
    assert 90 < wait_of(job_id) <= 100
    failure = row.failures.get()
    assert (failure.fate, failure.error_class) == ("retry", "ValueError")


def test_a_retry_without_a_time_waits_for_the_tasks_own_delay(declare):
    def body(self):
        raise self.retry()

    job_id = declare(body, bind=True, default_retry_delay=1000).delay().id

    deliver(job_id)

    assert 990 < wait_of(job_id) <= 1000


def test_a_retry_may_name_a_moment(declare):
    moment = timezone.now() + timedelta(hours=2)

    def body(self):
        raise self.retry(eta=moment)

    job_id = declare(body, bind=True).delay().id

    deliver(job_id)

    assert Job.objects.get(pk=job_id).run_at == moment


@pytest.mark.parametrize(("max_retries", "runs"), [(2, 3), (0, 1), (7, 8)])
def test_the_tasks_own_limit_counts_and_then_its_error_is_final(declare, max_retries, runs):
    seen = []

    def body(self):
        seen.append(self.request.retries)
        raise self.retry(exc=ValueError("busy"), countdown=0)

    row = run_out(declare(body, bind=True, max_retries=max_retries).delay().id)

    assert seen == list(range(runs))
    assert (row.state, row.error, row.attempts) == ("dead", "busy", runs)


def test_too_many_retries_without_an_error_say_so(declare):
    def body(self):
        raise self.retry(countdown=0)

    row = run_out(declare(body, bind=True, max_retries=1).delay().id)

    assert row.failures.last().error_class == MaxRetriesExceededError.__name__


def test_a_task_may_retry_without_end(declare):
    def body(self):
        if self.request.retries == 12:
            return "done"
        raise self.retry(countdown=0)

    row = run_out(declare(body, bind=True, max_retries=None).delay().id)

    assert (row.state, row.result, row.attempts) == ("succeeded", "done", 13)


def test_a_retry_may_change_arguments_and_queue(declare):
    def body(self, x, y=None):
        if not self.request.retries:
            raise self.retry(args=[2], kwargs={"y": 3}, queue="mail", countdown=0)
        return [x, y]

    row = run_out(declare(body, bind=True).delay(1).id)

    assert (row.result, row.queue, row.args, row.kwargs) == ([2, 3], "mail", [2], {"y": 3})


def test_a_retry_whose_arguments_cannot_be_written_is_refused(declare):
    def body(self, x):
        raise self.retry(args=[{1}], countdown=0)

    row = run_out(declare(body, bind=True).delay(1).id)

    assert (row.state, row.attempts) == ("dead", 1)
    assert "set" in row.error


def test_a_retry_that_does_not_throw_counts_whatever_the_body_does_then(declare):
    def body(self, fails):
        if self.request.retries:
            return "second"
        self.retry(countdown=0, throw=False)
        if fails:
            raise ValueError("afterwards")
        return "first"

    task = declare(body, bind=True)
    for fails in (False, True):
        row = run_out(task.delay(fails).id)
        assert (row.state, row.result, row.attempts) == ("succeeded", "second", 2)


def test_errors_named_for_it_are_retried_with_growing_waits(declare):
    def body():
        raise KeyError("busy")

    task = declare(
        body,
        autoretry_for=(LookupError,),
        retry_backoff=10,
        retry_backoff_max=25,
        retry_jitter=False,
        max_retries=3,
    )
    job_id = task.delay().id

    waits = []
    for _ in range(3):
        deliver(job_id)
        waits.append(round(wait_of(job_id)))
        make_due(job_id)

    assert waits == [10, 20, 25]
    assert run_out(job_id).state == "dead"
    assert Job.objects.get().error == "'busy'"


def test_retries_by_name_take_their_options_and_leave_out_what_is_named(declare):
    def body(self, kind):
        raise {"key": KeyError, "index": IndexError}[kind](kind)

    task = declare(
        body,
        bind=True,
        autoretry_for=(LookupError,),
        dont_autoretry_for=(IndexError,),
        retry_kwargs={"max_retries": 1, "countdown": 300},
    )
    retried, left_out = task.delay("key").id, task.delay("index").id

    deliver(left_out)
    deliver(retried)

    assert Job.objects.get(pk=left_out).state == "dead"
    assert 290 < wait_of(retried) <= 300
    assert run_out(retried).attempts == 2


def test_jitter_keeps_the_wait_below_the_backoff(declare):
    def body():
        raise KeyError("busy")

    job_id = declare(body, autoretry_for=(KeyError,), retry_backoff=100, retry_jitter=True).delay().id

    deliver(job_id)

    assert wait_of(job_id) <= 100


def test_a_retry_by_exception_alone_is_a_retry(declare):
    def body(self):
        if not self.request.retries:
            raise Retry("later", when=50)
        return "done"

    job_id = declare(body, bind=True).delay().id

    assert deliver(job_id) is Retry
    assert 40 < wait_of(job_id) <= 50
    assert run_out(job_id).result == "done"


def test_an_attempt_lost_with_its_worker_is_no_retry(declare):
    def body(self):
        return [self.request.retries, self.request.delivery_info["redelivered"]]

    job_id = declare(body, bind=True).delay().id
    claimed(job_id)
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    rescue()

    assert run_out(job_id).result == [0, True]


def test_a_body_sees_the_priority_that_its_caller_asked_for_also_in_a_retry(declare):
    def body(self):
        if not self.request.retries:
            raise self.retry(countdown=0)
        return self.request.delivery_info["priority"]

    job_id = declare(body, bind=True).apply_async(priority=7).id

    assert run_out(job_id).result == 7


def test_a_job_retried_by_hand_begins_to_count_anew(declare):
    def body(self):
        raise self.retry(countdown=0)

    job_id = declare(body, bind=True, max_retries=1).delay().id
    run_out(job_id)
    control.retry(job_id)

    row = run_out(job_id)

    assert row.attempts == 4


def test_a_job_that_was_told_to_stop_is_not_retried(declare):
    def body(self):
        control.cancel(self.request.id)
        raise self.retry(countdown=0)

    job_id = declare(body, bind=True).delay().id

    assert deliver(job_id) is Ignore
    assert Job.objects.get(pk=job_id).state == "cancelled"


def test_what_follows_waits_for_the_attempt_that_succeeds(declare):
    def body(self):
        if not self.request.retries:
            raise self.retry(countdown=0)
        return 5

    task = declare(body, bind=True)
    job_id = task.apply_async(link=task.app.signature("test.note")).id

    deliver(job_id)
    assert Job.objects.count() == 1
    run_out(job_id)

    assert Job.objects.get(name="test.note").args == [5]


def test_each_attempt_that_a_body_asks_for_may_ask_for_jobs_anew(declare):
    def body(self):
        enqueue("test.note", self.request.retries)
        if self.request.retries < 2:
            raise self.retry(countdown=0)

    run_out(declare(body, bind=True).delay().id)

    notes = Job.objects.filter(name="test.note").order_by("seq")
    assert [note.args for note in notes] == [[0], [1], [2]]


def test_only_the_running_job_can_be_retried(declare):
    def body():
        """Is not reached."""

    with pytest.raises(LedgerError, match="only the running job itself"):
        declare(body).apply_async(retries=1)


def test_what_failed_tasks_of_celery_use_is_over_and_above_what_losses_have(declare):
    def body(self):
        if self.request.retries < 6:
            raise self.retry(countdown=0, max_retries=None)

    job_id = declare(body, bind=True, max_retries=None).delay().id

    row = run_out(job_id)

    assert row.max_attempts - row.attempts == 4
    assert claims.retries_of(job_id, 0) == (6, 6)
