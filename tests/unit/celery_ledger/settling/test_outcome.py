"""What comes of an attempt, whatever its body does."""

import asyncio
import pickle
import threading

import pytest
from celery import Task, current_app
from celery.exceptions import Ignore, MaxRetriesExceededError, Reject, Retry
from structlog.testing import capture_logs

from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.canvas import chain, step
from celery_ledger.declare import job
from celery_ledger.errors import BodyFailed, Transient
from celery_ledger.models import Job
from celery_ledger.settling.outcome import ends_process
from tests.unit.celery_ledger.worker import deliver

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("end_of_heartbeat")]

LINE = {"queue": "maintenance", "soft_seconds": 20, "hard_seconds": 30}

RAISED: dict = {}


@job("test.raise", **LINE)
def raise_it(name):
    raise RAISED[name]


@job("test.raise_atomically", atomic=True, **LINE)
def raise_atomically(name):
    enqueue("test.note", name)
    raise RAISED[name]


class HostileError(Exception):
    """Raises from all that describes it."""

    def __str__(self):
        raise KeyboardInterrupt

    __repr__ = __reduce__ = __str__


@pytest.fixture
def fail(request):
    """Run a job whose body raises `error`; return its row and what Celery has seen."""

    def fail(error, task="test.raise"):
        RAISED[request.node.name] = error
        job_id = enqueue(task, request.node.name)
        seen = deliver(job_id)
        return Job.objects.get(pk=job_id), seen

    yield fail
    RAISED.clear()


@pytest.mark.parametrize(
    "error",
    [asyncio.CancelledError("gone"), GeneratorExit("gone"), KeyboardInterrupt("gone"), SystemExit("gone")],
)
def test_whatever_a_body_raises_is_settled_at_once_with_its_traceback(fail, error):
    row, seen = fail(error)

    failure = row.failures.get()
    assert (row.state, failure.fate, failure.error_class) == ("retrying", "bug", type(error).__name__)
    assert "in raise_it" in failure.traceback
    assert seen is Retry


def test_an_error_that_cannot_describe_itself_is_described(fail):
    row, _seen = fail(HostileError())

    failure = row.failures.get()
    assert failure.error_class == "HostileError"
    assert failure.message == "<HostileError: its str() raised KeyboardInterrupt>"
    assert (row.state, row.error) == ("retrying", failure.message)


def test_a_provider_that_sends_no_number_does_not_stop_the_settling(fail):
    row, _seen = fail(Transient("later", retry_after="Wed, 21 Oct 2026 07:28:00 GMT"))

    assert row.state == "retrying"


def test_a_text_of_megabytes_is_cut_in_ledger_and_log(fail, settings):
    with capture_logs() as lines:
        row, _seen = fail(RuntimeError("begin " + "x" * 3_000_000))

    failure = row.failures.get()
    assert row.error.startswith("begin")
    assert "characters cut]" in row.error
    assert max(map(len, (row.error, failure.message, failure.traceback))) <= settings.JOB_ERROR_MAX_CHARS
    assert len(str(lines)) < 10 * settings.JOB_ERROR_MAX_CHARS


def test_a_chain_of_causes_is_cut_as_well(fail, settings):
    error = ValueError("short")
    error.__cause__ = RuntimeError("x" * 3_000_000)
    with capture_logs() as lines:
        row, _seen = fail(error)

    assert row.error == "short"
    assert len(row.failures.get().traceback) <= settings.JOB_ERROR_MAX_CHARS
    assert len(str(lines)) < 10 * settings.JOB_ERROR_MAX_CHARS


def test_what_celery_is_handed_is_the_bodys_own_error_unless_it_does_harm(declare):
    errors = {
        "plain": KeyError("k"),
        "hostile": HostileError(),
        "long": KeyError("x" * 100_000),
        "exit": SystemExit(3),
    }

    def raise_one(name):
        raise errors[name]

    task = declare(raise_one)
    seen = {name: deliver(task.delay(name).id) for name in errors}

    assert seen["plain"] is errors["plain"]
    assert [type(seen[name]) for name in ("hostile", "long", "exit")] == [BodyFailed] * 3


def test_a_body_that_ignores_its_job_ends_it_and_nothing_follows(fail):
    row, seen = fail(Ignore())

    assert (row.state, row.attempts, seen) == ("cancelled", 1, Ignore)
    assert not row.failures.exists()


def test_what_a_body_did_before_it_ignored_its_job_is_kept(fail):
    row, _seen = fail(Ignore(), task="test.raise_atomically")

    assert row.state == "cancelled"
    assert Job.objects.filter(name="test.note").exists()


def test_nothing_follows_a_job_that_ignored_itself():
    RAISED["chain"] = Ignore()
    enqueue(chain(step("test.raise", "chain"), step("test.note", "next")))

    deliver(Job.objects.get().pk)

    assert not Job.objects.filter(name="test.note").exists()


def test_a_rejected_job_is_dead_with_its_reason(fail):
    row, seen = fail(Reject("no use", requeue=False))

    assert (row.state, row.attempts, row.failures.get().fate) == ("dead", 1, "permanent")
    assert "no use" in row.error
    assert isinstance(seen, Reject)


def test_a_job_rejected_for_requeueing_is_due_again_at_once(fail):
    row, seen = fail(Reject("not here", requeue=True))

    # Celery does not see the Reject: requeued by the broker as well, the job would be delivered twice.
    assert (row.state, seen) == ("retrying", Retry)
    assert (row.run_at - row.created_at).total_seconds() < 30


def test_too_many_retries_are_final(fail):
    row, _seen = fail(MaxRetriesExceededError("enough"))

    assert row.state == "dead"


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (SystemExit(-241), True),
        (SystemExit(3), False),
        (SystemExit("text"), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_a_process_that_a_signal_ends_is_told_from_a_body_that_exits(error, ends):
    assert ends_process(error) is ends


class Locked(Exception):
    """Cannot be pickled, as an error of a library that keeps a lock."""

    def __init__(self, text):
        super().__init__(text)
        self.lock = threading.Lock()


class TwoWords(Exception):
    """Is pickled, and cannot be unpickled: its arguments are not those of its class."""

    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


@pytest.mark.parametrize("error", [Locked("lock"), TwoWords("a", "b"), KeyError(threading.Lock)])
def test_a_retry_with_any_error_reaches_celery_in_a_form_that_survives_the_way_to_the_parent(declare, error):
    seen = []

    class Watching(Task):
        def on_retry(self, exc, task_id, args, kwargs, einfo):
            seen.append(pickle.loads(pickle.dumps(einfo)))  # noqa: S301 (our own)

    def body(self):
        raise self.retry(exc=error, countdown=0)

    job_id = declare(body, bind=True, base=Watching).delay().id

    assert deliver(job_id) is Retry
    assert len(seen) == 1
    assert Job.objects.get(pk=job_id).failures.get().error_class == type(error).__name__


def test_a_broad_autoretry_leaves_a_retry_of_the_bodys_own_alone(declare):
    def body(self, x):
        if x == 1:
            raise self.retry(args=[2], countdown=1000)
        return x

    job_id = declare(body, bind=True, autoretry_for=(Exception,), max_retries=1).delay(1).id

    deliver(job_id)

    row = Job.objects.get()
    assert (row.args, row.state, row.failures.count()) == ([2], "retrying", 1)


def test_a_class_of_a_task_may_say_what_is_retried():
    class Retrying(Task):
        name = "test.celery.retrying"
        autoretry_for = (KeyError,)
        retry_kwargs = {"max_retries": 5, "countdown": 500}

        def run(self):
            raise KeyError("busy")

    task = current_app.register_task(Retrying)
    try:
        assert deliver(task.delay().id) is Retry
    finally:
        del current_app.tasks[task.name]


def test_the_result_of_another_job_is_stored_as_its_id(declare):
    def ask():
        return current_app.tasks["test.note"].delay()

    job_id = declare(ask).delay().id

    deliver(job_id)

    other = Job.objects.get(name="test.note")
    assert Job.objects.get(pk=job_id).result == [[str(other.pk), None], None]
