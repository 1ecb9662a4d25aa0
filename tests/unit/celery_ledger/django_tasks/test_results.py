"""The row of a job as a TaskResult."""

import pytest
from django.utils import timezone

from celery_ledger import control
from celery_ledger.django_tasks import declared, results
from celery_ledger.django_tasks.interface import TaskResultDoesNotExist, TaskResultStatus
from celery_ledger.errors import Fate, Undeclared
from celery_ledger.models import Job
from celery_ledger.settling import rescue
from celery_ledger.states import JobState
from tests.unit.celery_ledger.django_tasks import functions
from tests.unit.celery_ledger.worker import claimed

pytestmark = pytest.mark.django_db


def test_each_state_has_a_status():
    assert set(results.STATUS) == set(JobState)


def test_a_running_task_has_a_worker_and_a_time(django_assert_num_queries):
    result = functions.add.enqueue(1)
    claimed(result.id, worker="w@host/7")

    with django_assert_num_queries(1):
        result.refresh()

    assert result.status == TaskResultStatus.RUNNING
    assert (result.worker_ids, result.attempts, result.errors) == (["w@host/7"], 1, [])
    assert result.started_at == result.last_attempted_at
    assert result.started_at >= result.enqueued_at
    assert result.finished_at is None
    with pytest.raises(ValueError, match="has not finished"):
        result.return_value  # noqa: B018 - it raises


def test_a_successful_task_has_its_return_value(run, django_assert_num_queries):
    result = run(functions.add.enqueue(1, 2))

    with django_assert_num_queries(1):
        result.refresh()

    assert result.status == TaskResultStatus.SUCCESSFUL
    assert result.is_finished
    assert result.return_value == 3
    assert result.attempts == 1
    assert result.finished_at >= result.started_at


def test_a_failed_task_has_an_error_for_each_attempt(run):
    result = functions.fail.enqueue("bug")
    Job.objects.filter(pk=result.id).update(max_attempts=2)

    waiting = run(result)
    assert (waiting.status, waiting.attempts, len(waiting.errors)) == (TaskResultStatus.READY, 1, 1)
    failed = run(result)

    assert failed.status == TaskResultStatus.FAILED
    assert failed.worker_ids == [Job.objects.get(pk=result.id).worker] * 2
    assert [error.exception_class for error in failed.errors] == [ValueError, ValueError]
    assert "a bug" in failed.errors[1].traceback
    with pytest.raises(ValueError, match="Task failed"):
        failed.return_value  # noqa: B018 - it raises


@pytest.mark.parametrize(
    ("fate", "kind"), [(Fate.LOST, "WorkerLostError"), (Fate.TIMEOUT, "TimeLimitExceeded")]
)
def test_an_attempt_that_ended_with_its_process_is_an_error_too(fate, kind):
    result = functions.add.enqueue(1)
    claimed(result.id, worker="w@host/7")

    rescue.report_lost(result.id, "w@host/7", fate, "it is gone")
    result.refresh()

    assert result.status == TaskResultStatus.READY
    assert result.worker_ids == ["w@host/7"]
    assert result.errors[0].exception_class.__name__ == kind
    assert "it is gone" in result.errors[0].traceback


def test_a_cancelled_task_failed_and_says_so():
    result = functions.add.enqueue(1)

    control.cancel(result.id)
    result.refresh()

    assert result.status == TaskResultStatus.FAILED
    assert result.attempts == 0
    assert result.errors[0].exception_class.__name__ == "Cancelled"


def test_a_task_retried_by_hand_is_ready_again(run):
    result = run(functions.fail.enqueue("permanent"))
    assert result.status == TaskResultStatus.FAILED

    control.retry(result.id)
    result.refresh()

    assert (result.status, result.finished_at, result.attempts) == (TaskResultStatus.READY, None, 1)


def test_a_result_can_be_read_after_its_queue_has_left_the_settings(settings):
    result = functions.add.using(queue_name="mail").enqueue(1)
    settings.TASKS = {"default": {**functions.TASKS["default"], "QUEUES": ["maintenance"]}}

    assert functions.add.get_result(result.id).task.queue_name == "mail"


def test_a_result_whose_function_is_gone_does_not_exist():
    result = functions.add.enqueue(1)
    Job.objects.filter(pk=result.id).update(name="tests.unit.celery_ledger.django_tasks.functions.gone")

    with pytest.raises(TaskResultDoesNotExist, match="no task is declared"):
        functions.add.get_result(result.id)
    with pytest.raises(Undeclared):
        declared.task_at("tests.unit.celery_ledger.django_tasks.functions.gone")


def test_a_task_of_a_project_without_time_zones_has_naive_times(settings):
    settings.USE_TZ = False
    result = functions.add.enqueue(1)

    read = functions.add.get_result(result.id)

    assert read == result
    assert timezone.is_naive(read.enqueued_at)
