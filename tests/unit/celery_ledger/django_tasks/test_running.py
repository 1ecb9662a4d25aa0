"""What a worker does with the job of a Django task."""

from datetime import UTC, datetime

import pytest
from celery import current_app
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from celery_ledger.django_tasks import LedgerBackend, interface, running
from celery_ledger.django_tasks.interface import TaskResultStatus, task_finished, task_started
from celery_ledger.errors import LedgerError
from celery_ledger.models import Job
from tests.unit.celery_ledger.django_tasks import functions
from tests.unit.celery_ledger.worker import claimed, deliver

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("task", [functions.add, functions.add_later], ids=["def", "async def"])
def test_a_function_runs_with_its_arguments(run, task):
    assert run(task.enqueue(1, y=2)).return_value == 3


@pytest.mark.parametrize("task", [functions.name_of_job, functions.name_of_job_later])
def test_the_job_of_a_function_has_the_name_of_the_function(run, task):
    assert run(task.enqueue()).return_value == task.module_path


def test_the_context_tells_of_the_running_attempt(run):
    result = functions.tell.enqueue("word")

    assert run(result).return_value == [result.id, 1, "RUNNING", "word"]


def test_receivers_learn_of_start_and_end(run, told):
    run(functions.add.enqueue(1))

    assert told == [
        ("enqueued", LedgerBackend, "READY"),
        ("started", LedgerBackend, "RUNNING"),
        ("finished", LedgerBackend, "SUCCESSFUL"),
    ]


def test_receivers_learn_of_the_last_failure_alone(run, told):
    result = functions.fail.enqueue("transient")
    Job.objects.filter(pk=result.id).update(max_attempts=2)

    run(result)
    assert [name for name, _, _ in told] == ["enqueued", "started"]
    run(result)

    assert told[2:] == [("started", LedgerBackend, "RUNNING"), ("finished", LedgerBackend, "FAILED")]


def test_a_receiver_that_raises_costs_no_attempt(run):
    def receive(**_):
        raise RuntimeError("a receiver's own")

    for signal in (task_started, task_finished):
        signal.connect(receive)
    try:
        result = run(functions.add.enqueue(1))
    finally:
        for signal in (task_started, task_finished):
            signal.disconnect(receive)

    assert result.status == TaskResultStatus.SUCCESSFUL


def test_the_end_of_a_job_that_another_process_ran_is_not_told_here(told):
    result = functions.add.enqueue(1)
    claimed(result.id)

    # As Celery does in the worker's parent, for a process that it has killed.
    current_app.tasks[running.NAME].on_failure(RuntimeError(), result.id, [], {}, None)

    assert [name for name, _, _ in told] == ["enqueued"]


def test_an_end_that_cannot_be_told_is_no_failure_of_the_function(run):
    result = functions.add.enqueue(1)
    run(result)
    Job.objects.all().delete()

    with capture_logs() as logged:
        current_app.tasks[running.NAME].on_success(3, result.id, [], {})

    assert [entry["event"] for entry in logged] == ["task_end_unannounced"]


@pytest.mark.parametrize(
    ("kind", "status"), [("transient", "READY"), ("bug", "READY"), ("permanent", "FAILED")]
)
def test_a_failure_has_the_fate_that_its_exception_names(run, kind, status):
    assert run(functions.fail.enqueue(kind)).status == status


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("nested", "ValueError"),
        ("odd", "Odd"),
        ("exit", "SystemExit"),
        ("interrupt", "KeyboardInterrupt"),
    ],
)
def test_whatever_a_function_raises_is_recorded(run, kind, name):
    result = run(functions.fail.enqueue(kind))

    assert result.errors[0].exception_class.__name__ == name
    assert name in result.errors[0].traceback


@pytest.mark.parametrize("value", [None, True, 1.5, "text", [1, [2]], {"a": None}, "\u2028", 2**70], ids=repr)
def test_a_return_value_is_read_as_it_was(run, value):
    assert run(functions.give_back.enqueue(value)).return_value == value


def test_a_return_value_of_a_type_that_the_ledger_marks_is_read_as_it_was(run):
    assert run(functions.tell_the_time.enqueue()).return_value == datetime(2040, 1, 1, tzinfo=UTC)


def test_a_return_value_that_no_json_can_hold_fails_the_task_at_once(run):
    result = run(functions.give_back_a_function.enqueue())

    assert result.status == TaskResultStatus.FAILED
    assert issubclass(result.errors[0].exception_class, TypeError)
    assert "cannot be written as JSON" in result.errors[0].traceback
    assert functions.calls == ["ran"]


@pytest.mark.usefixtures("end_of_heartbeat")
@pytest.mark.parametrize("path", ["subprocess.check_output", functions.__name__ + ".plain"])
def test_a_job_whose_name_is_no_task_runs_nothing(path):
    result = functions.add.enqueue("argument")
    Job.objects.filter(pk=result.id).update(name=path, args=[["false"]])

    deliver(result.id)

    job = Job.objects.get(pk=result.id)
    assert (job.state, job.failures.get().error_class) == ("retrying", "Undeclared")
    assert functions.calls == []


@pytest.mark.usefixtures("end_of_heartbeat")
def test_a_task_of_another_backend_is_not_run(settings):
    result = functions.add.enqueue(1)
    dummy = interface.BaseTaskBackend.__module__.replace("base", "dummy.DummyBackend")
    settings.TASKS = {"default": {"BACKEND": dummy, "QUEUES": []}}

    deliver(result.id)

    failure = Job.objects.get(pk=result.id).failures.get()
    assert failure.error_class == "Undeclared"
    assert "is not a LedgerBackend" in failure.message
    assert functions.calls == []


def test_the_celery_task_does_nothing_without_a_job():
    with pytest.raises(LedgerError, match="runs as a job only"):
        current_app.tasks[running.NAME]()


def test_the_log_of_a_run_names_the_function(run):
    result = functions.add.enqueue(1)

    with capture_logs(processors=[merge_contextvars]) as logged:
        run(result)

    events = {entry["event"]: entry.get("name") for entry in logged}
    assert events["job_claimed"] == events["job_succeeded"] == functions.add.module_path
