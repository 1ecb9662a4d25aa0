"""What Celery reads of a job's result."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from celery import current_app
from celery.exceptions import TaskRevokedError
from structlog.testing import capture_logs

from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.errors import Fate
from celery_ledger.models import Job
from celery_ledger.settling import settle
from celery_ledger.settling.judge import Failure
from celery_ledger.values.wire import Unserialisable
from tests.rows import a_job, an_error
from tests.unit.celery_ledger.worker import attempt

pytestmark = pytest.mark.django_db


def result(job_id):
    return current_app.AsyncResult(str(job_id))


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("scheduled", "PENDING"),
        ("queued", "PENDING"),
        ("running", "STARTED"),
        ("retrying", "RETRY"),
        ("succeeded", "SUCCESS"),
        ("dead", "FAILURE"),
        ("cancelled", "REVOKED"),
    ],
)
def test_each_state_is_one_of_celerys(state, shown):
    assert result(a_job(state).pk).state == shown


def test_a_running_job_is_shown_as_started_where_its_task_tracks_that(declare):
    def body():
        return 1

    plain = declare(body, name="test.plain", track_started=False).name
    tracked = declare(body, name="test.tracked", track_started=True).name

    assert result(a_job("running", plain).pk).state == "PENDING"
    assert result(a_job("running", plain, attempts=2).pk).state == "RETRY"
    assert result(a_job("running", tracked).pk).state == "STARTED"


def test_a_job_that_waits_for_its_retry_shows_the_error_behind_it():
    job = a_job("retrying", attempts=1)
    an_error(
        job, error_module="builtins", error_class="ValueError", error_args=["busy"], traceback="the trace"
    )

    waiting = result(job.pk)

    assert (waiting.state, repr(waiting.result), waiting.traceback) == (
        "RETRY",
        "ValueError('busy')",
        "the trace",
    )


def test_a_job_that_nobody_asked_for_is_pending():
    assert result("7a2b1c9e-0000-4000-8000-000000000000").state == "PENDING"


def test_a_result_is_what_the_job_returned():
    assert result(a_job("succeeded", result={"a": [1]}).pk).get() == {"a": [1]}


def test_a_dead_job_raises_its_last_error():
    job = a_job("dead", error="refused")
    an_error(job, traceback="the trace")

    with pytest.raises(Exception, match="refused"):
        result(job.pk).get()
    assert result(job.pk).traceback == "the trace"


def test_a_cancelled_job_raises_that_it_was():
    with pytest.raises(TaskRevokedError):
        result(a_job("cancelled").pk).get()


def test_celery_writes_nothing_of_its_own():
    job_id = enqueue("test.note")
    backend = current_app.backend

    backend.mark_as_started(job_id)
    backend.mark_as_done(job_id, 1)
    backend.mark_as_failure(job_id, ValueError())
    backend.store_result(job_id, 1, "SUCCESS")

    assert Job.objects.get(pk=job_id).state == "queued"


def test_a_value_comes_back_as_what_it_was():
    job_id = enqueue("test.note")
    moment = datetime(2026, 1, 1, tzinfo=UTC)

    settle.succeed(attempt(job_id), {"at": moment, "by": (Decimal("1.50"), UUID(int=7), b"\x00")})

    assert result(job_id).get() == {"at": moment, "by": [Decimal("1.50"), UUID(int=7), b"\x00"]}


def test_a_result_that_could_not_be_stored_is_a_success_that_says_so():
    job_id = enqueue("test.note")

    settle.succeed(attempt(job_id), {1, 2})

    got = result(job_id).get()
    assert isinstance(got, Unserialisable)
    assert (got.type_name, got.text) == ("builtins.set", "{1, 2}")


def test_a_state_of_its_own_is_shown_until_the_job_is_finished():
    job_id = enqueue("test.note")
    held = attempt(job_id)

    current_app.tasks["test.note"].update_state(task_id=job_id, state="PROGRESS", meta={"done": 3})

    assert (result(job_id).state, result(job_id).info) == ("PROGRESS", {"done": 3})
    settle.succeed(held, 5)
    assert (result(job_id).state, result(job_id).result) == ("SUCCESS", 5)


@pytest.mark.parametrize("job_state", ["succeeded", None])
def test_a_state_of_an_id_without_an_unfinished_job_is_not_stored_and_logged(job_state):
    job_id = str(a_job(job_state).pk if job_state else uuid4())

    with capture_logs() as logs:
        current_app.backend.store_result(job_id, {"done": 3}, "PROGRESS")

    assert result(job_id).state == ("SUCCESS" if job_state else "PENDING")
    assert [(line["event"], line["job_id"], line["state"]) for line in logs] == [
        ("state_not_stored", job_id, "PROGRESS")
    ]


def test_a_state_of_its_own_ends_with_its_attempt():
    job_id = enqueue("test.note")
    held = attempt(job_id)
    current_app.tasks["test.note"].update_state(task_id=job_id, state="PROGRESS", meta={"done": 3})

    settle.fail(held, Failure(Fate.TRANSIENT, "Transient", "busy"))

    assert result(job_id).state == "RETRY"


def test_a_state_that_was_stored_before_the_job_ignored_itself_is_its_outcome():
    job_id = enqueue("test.note")
    held = attempt(job_id)
    current_app.tasks["test.note"].update_state(task_id=job_id, state="NOTHING_TO_DO", meta={"why": "done"})

    settle.ignore(held)

    assert (result(job_id).state, result(job_id).info) == ("NOTHING_TO_DO", {"why": "done"})


def test_a_result_that_is_ignored_is_not_stored_and_still_handed_on():
    current_app.tasks["test.add"].apply_async(
        (1, 2), ignore_result=True, link=current_app.signature("test.note")
    )
    job_id = str(Job.objects.get().pk)

    settle.succeed(attempt(job_id), 3)

    assert result(job_id).get() is None
    assert Job.objects.get(name="test.note").args == [3]


def test_the_children_of_a_job_are_those_that_it_asked_for():
    current_app.tasks["test.add"].apply_async((1, 2), link=current_app.signature("test.note"))
    job_id = str(Job.objects.get().pk)

    settle.succeed(attempt(job_id), 3)

    child = Job.objects.get(name="test.note")
    assert [other.id for other in result(job_id).children] == [str(child.pk)]
    assert result(child.pk).children in (None, [])


def test_a_result_may_be_forgotten():
    job = a_job("succeeded", result=5)

    result(job.pk).forget()

    assert result(job.pk).result is None


def test_a_group_is_not_saved():
    saved = current_app.GroupResult("7a2b1c9e-0000-4000-8000-000000000000", [])

    with pytest.raises(NotImplementedError, match=r"GroupResult\.save"):
        saved.save()
