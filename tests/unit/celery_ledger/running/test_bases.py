"""Tasks whose classes are not the ledger's."""

import pytest
from celery import Task, current_app
from celery.app.trace import _install_stack_protection, reset_worker_optimizations
from celery.contrib.abortable import AbortableTask
from celery.exceptions import Retry
from pydantic import BaseModel

from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.errors import Transient
from celery_ledger.models import Job
from celery_ledger.running.bases import JobEntry, job_class
from celery_ledger.running.task import JobTask
from tests.unit.celery_ledger.worker import deliver


class Order(BaseModel):
    count: int


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("end_of_heartbeat")]


@pytest.fixture
def worker_process():
    """Celery's patch of Task.__call__, which each worker process has."""
    _install_stack_protection()
    yield
    reset_worker_optimizations()


class Recording(Task):
    """Records what Celery calls, and with what."""

    calls: list = []

    def before_start(self, task_id, args, kwargs):
        self.calls.append(("before_start", args, kwargs))

    def on_success(self, retval, task_id, args, kwargs):
        self.calls.append(("on_success", retval, args, kwargs))

    def on_retry(self, exc, task_id, args, kwargs, einfo):
        self.calls.append(("on_retry", str(exc), args, kwargs))

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        self.calls.append(("on_failure", repr(exc), args, kwargs))

    def after_return(self, status, retval, task_id, args, kwargs, einfo):  # noqa: PLR0913 (Celery's own)
        self.calls.append(("after_return", status, args, kwargs))


class Doubling(Task):
    """Has a call of its own."""

    def __call__(self, *args, **kwargs):
        return 2 * super().__call__(*args, **kwargs)


def do_nothing():
    """Is not reached."""


def add_one(x):
    return x + 1


@pytest.fixture
def recording(declare):
    Recording.calls = []

    def body(self, x, y=0):
        if x < 0:
            raise ValueError("negative")
        if self.request.retries < y:
            raise self.retry(countdown=0, exc=ValueError("once more"))
        return [x, y, self.request.args, self.request.kwargs]

    return declare(body, bind=True, base=Recording)


def test_a_foreign_base_keeps_what_it_says_and_its_runs_are_jobs():
    class Mine(Task):
        acks_late = True
        max_retries = 7

    made = job_class(Mine)

    assert issubclass(made, JobEntry)
    assert issubclass(made, JobTask)
    assert (made.acks_late, made.max_retries, made.__name__, made.Request) == (
        True, 7, "Mine", "celery_ledger.running.request:JobRequest",
    )  # fmt: skip
    assert job_class(made) is made
    assert issubclass(job_class(Task), JobTask)


def test_its_hooks_and_its_body_see_the_jobs_arguments(recording):
    result = deliver(recording.delay(1, y=0).id)

    assert result == [1, 0, [1], {"y": 0}]
    assert recording.calls == [
        ("before_start", [1], {"y": 0}),
        ("on_success", result, [1], {"y": 0}),
        ("after_return", "SUCCESS", [1], {"y": 0}),
    ]


def test_its_hooks_see_a_failure_and_a_retry(recording):
    deliver(recording.delay(-1).id)
    deliver(recording.delay(1, y=1).id)

    assert recording.calls[1] == ("on_failure", "ValueError('negative')", [-1], {})
    assert recording.calls[4] == ("on_retry", "once more", [1], {"y": 1})


def test_a_hook_that_raises_before_the_body_fails_the_attempt(declare):
    class Refusing(Task):
        def before_start(self, task_id, args, kwargs):
            raise ValueError("not today")

    task = declare(do_nothing, base=Refusing)
    job_id = task.delay().id

    seen = deliver(job_id)

    row = Job.objects.get(pk=job_id)
    assert (row.state, row.error) == ("dead", "not today")
    assert isinstance(seen, ValueError)


@pytest.mark.usefixtures("worker_process")
def test_a_call_of_its_own_runs_around_the_body(declare):
    task = declare(add_one, base=Doubling)
    job_id = task.delay(20).id

    assert deliver(job_id) == 42

    assert Job.objects.get(pk=job_id).result == 42


@pytest.mark.usefixtures("worker_process")
def test_a_call_of_its_own_on_a_class_of_the_applications_runs_once(declare):
    class Mine(current_app.Task):  # type: ignore[name-defined]  # made at run time
        def __call__(self, *args, **kwargs):
            return 2 * super().__call__(*args, **kwargs)

    job_id = declare(add_one, base=Mine).delay(20).id

    assert deliver(job_id) == 42
    assert Job.objects.get(pk=job_id).result == 42


def test_a_task_that_can_be_aborted_sees_that_it_was(declare):
    def watch(self):
        return self.is_aborted()

    task = declare(watch, bind=True, base=AbortableTask)
    aborted, other = task.delay(), task.delay()
    aborted.abort()

    assert aborted.is_aborted()
    assert (deliver(aborted.id), deliver(other.id)) == (True, False)


def test_a_task_that_is_a_class_runs():
    class Adding(Task):
        name = "test.celery.class"

        def run(self, x, y):
            return x + y

    task = current_app.register_task(Adding())
    try:
        with pytest.raises(TypeError, match="missing"):
            task.delay(1)

        assert deliver(task.delay(1, 2).id) == 3
    finally:
        del current_app.tasks[task.name]


def test_a_plain_task_runs_and_fails_once_as_celery_documents_it(declare):
    def body(x):
        return 1 / x

    task = declare(body)
    ran, failed = task.delay(1).id, task.delay(0).id

    assert deliver(ran) == 1
    assert isinstance(deliver(failed), ZeroDivisionError)

    row = Job.objects.get(pk=failed)
    assert (row.state, row.attempts, row.queue) == ("dead", 1, "maintenance")


def test_a_plain_task_that_asks_for_it_is_tried_again(declare):
    def body():
        raise Transient("the provider is away")

    job_id = declare(body).delay().id

    assert deliver(job_id) is Retry


def test_a_task_without_typing_is_not_checked(declare):
    def body(x):
        return x

    job_id = declare(body, typing=False).delay(1, 2, 3).id

    deliver(job_id)

    assert "TypeError" in Job.objects.get(pk=job_id).failures.get().error_class


def test_a_task_with_a_model_of_pydantic_gets_it(declare):
    def body(order: Order):
        return order.count + 1

    job_id = declare(body, pydantic=True).delay({"count": "2"}).id

    deliver(job_id)

    assert Job.objects.get(pk=job_id).result == 3


def test_apply_runs_the_body_and_writes_no_job(declare):
    def body(self, x):
        return [x, self.request.is_eager]

    task = declare(body, bind=True)

    assert task.apply((1,)).get() == [1, True]
    assert current_app.tasks["test.add"].apply((1, 2)).get() == 3
    assert task.apply((1,), kwargs={}).successful()
    assert not Job.objects.exists()


def test_a_canvas_is_applied_with_errors_and_results():
    add = current_app.tasks["test.add"]

    assert (add.s(1, 2) | add.s(3)).apply().get() == 6
    assert (add.s(1, 2) | current_app.tasks["test.bug"].si("oops")).apply().state == "FAILURE"
    with pytest.raises(RuntimeError, match="oops"):
        current_app.tasks["test.bug"].apply(("oops",), throw=True)


@pytest.fixture
def always_eager():
    current_app.conf.task_always_eager = True
    yield
    current_app.conf.task_always_eager = False


@pytest.mark.usefixtures("always_eager")
def test_with_always_eager_every_call_runs_the_body_here():
    add = current_app.tasks["test.add"]

    assert add.delay(1, 2).get() == 3
    assert (add.s(1, 2) | add.s(3)).delay().get() == 6
    assert enqueue("test.add", 1, 2)
    assert enqueue(add.s(1, 2) | add.s(3))
    assert not Job.objects.exists()


def test_a_retry_in_a_task_that_is_applied_runs_it_again(declare):
    def body(self):
        if self.request.retries < 2:
            raise self.retry(countdown=60)
        return self.request.retries

    assert declare(body, bind=True).apply().get() == 2
