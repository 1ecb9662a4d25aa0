"""What a project sees of the backend: Django's tasks interface."""

from datetime import datetime, timedelta

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.utils import timezone

from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.django_tasks import LedgerBackend
from celery_ledger.django_tasks.interface import (
    InvalidTask,
    TaskResultDoesNotExist,
    TaskResultStatus,
    task_backends,
)
from celery_ledger.models import Job
from tests.unit.celery_ledger.django_tasks import functions
from tests.unit.celery_ledger.worker import publish

pytestmark = pytest.mark.django_db


def test_a_task_that_is_enqueued_is_one_row_by_one_query(django_assert_num_queries):
    with django_assert_num_queries(1):
        result = functions.add.enqueue(1, y=2)

    job = Job.objects.get()
    assert str(job.pk) == result.id
    assert (job.name, job.queue, job.state) == (functions.add.module_path, "maintenance", "queued")
    assert (job.args, job.kwargs) == ([1], {"y": 2})


def test_the_result_is_the_one_that_is_read_later(django_assert_num_queries):
    result = functions.add.enqueue(1, y=2)

    with django_assert_num_queries(1):
        read = functions.add.get_result(result.id)

    assert read == result
    assert read.status == TaskResultStatus.READY
    assert (read.args, read.kwargs, read.attempts, read.errors) == ([1], {"y": 2}, 0, [])


def test_a_task_of_a_rolled_back_transaction_does_not_exist():
    with transaction.atomic():
        result = functions.add.enqueue(1)
        transaction.set_rollback(True)

    with pytest.raises(TaskResultDoesNotExist):
        functions.add.get_result(result.id)


def test_the_asynchronous_twins_do_the_same(told):
    result = async_to_sync(functions.add_later.aenqueue)(1, 2)

    assert async_to_sync(functions.add_later.aget_result)(result.id) == result
    assert told == [("enqueued", LedgerBackend, "READY")]


def test_a_task_of_higher_priority_is_published_first():
    priorities = [0, -100, 100, 5]
    results = {priority: functions.add.using(priority=priority).enqueue(1).id for priority in priorities}

    published = publish()

    assert published == [results[priority] for priority in (100, 5, 0, -100)]


def test_the_values_given_by_using_can_be_read_back():
    run_after = timezone.now() + timedelta(days=2)
    asked = functions.add.using(priority=7, queue_name="mail", run_after=run_after)

    result = asked.enqueue(1)

    assert result.task == asked
    assert functions.add.get_result(result.id).task == asked


def test_a_task_does_not_run_before_its_time():
    later = functions.add.using(run_after=timezone.now() + timedelta(hours=1)).enqueue(1)
    past = functions.add.using(run_after=timezone.now() - timedelta(hours=1)).enqueue(1)

    assert publish() == [past.id]
    assert Job.objects.get(pk=later.id).state == "scheduled"


def test_a_naive_time_is_in_djangos_time_zone(settings):
    settings.USE_TZ = False
    settings.TIME_ZONE = "Asia/Tokyo"
    moment = datetime(2040, 1, 1, 9)  # noqa: DTZ001 - naive, as without USE_TZ

    result = functions.add.using(run_after=moment).enqueue(1)

    settings.USE_TZ = True
    assert Job.objects.get(pk=result.id).run_at.isoformat() == "2040-01-01T00:00:00+00:00"


def test_a_queue_that_the_backend_does_not_list_is_refused():
    with pytest.raises(InvalidTask, match="Queue 'media' is not valid"):
        functions.add.using(queue_name="media")


def test_a_queue_that_celery_does_not_have_is_refused(settings):
    settings.TASKS = {"default": {**functions.TASKS["default"], "QUEUES": []}}

    with pytest.raises(InvalidTask, match="nowhere"):
        functions.add.using(queue_name="nowhere").enqueue(1)


@pytest.mark.parametrize("result_id", ["123", "", "00000000-0000-4000-8000-000000000000"])
def test_an_unknown_id_has_no_result(result_id):
    with pytest.raises(TaskResultDoesNotExist):
        functions.add.get_result(result_id)


def test_a_job_that_is_no_django_task_has_no_result_here():
    job_id = enqueue("test.add", 1, 2)

    with pytest.raises(TaskResultDoesNotExist):
        task_backends["default"].get_result(job_id)


def test_each_backend_reads_the_results_of_all(settings):
    settings.TASKS = {**functions.TASKS, "second": functions.TASKS["default"]}
    result = functions.add.using(backend="second").enqueue(1)

    read = task_backends["default"].get_result(result.id)

    assert read == result
    assert read.backend == "second"


def test_a_backend_enqueues_a_task_of_another_one_as_its_own(settings):
    settings.TASKS = {**functions.TASKS, "second": functions.TASKS["default"]}

    result = task_backends["second"].enqueue(functions.add, [1], {})

    assert result.backend == result.task.backend == "second"
    assert task_backends["second"].get_result(result.id) == result


def test_receivers_learn_of_a_task_in_the_transaction_that_enqueues_it(told):
    functions.add.enqueue(1)

    assert told == [("enqueued", LedgerBackend, "READY")]


def test_options_apply_to_each_task_of_the_backend(settings):
    limits = {"soft_seconds": 5, "hard_seconds": 9, "max_attempts": 2}
    settings.TASKS = {"default": {**functions.TASKS["default"], "OPTIONS": limits}}

    result = functions.add.enqueue(1)

    job = Job.objects.get(pk=result.id)
    assert job.max_attempts == 2
    assert job.headers["timelimit"] == [9, 5]


def test_without_options_the_settings_apply(settings):
    result = functions.add.enqueue(1)

    job = Job.objects.get(pk=result.id)
    assert job.max_attempts == settings.JOB_MAX_ATTEMPTS
    assert job.headers["timelimit"] == [None, None]


def test_an_unknown_option_stops_the_program(settings):
    settings.TASKS = {"default": {**functions.TASKS["default"], "OPTIONS": {"attempts": 2}}}

    with pytest.raises(ImproperlyConfigured, match="unknown option 'attempts'"):
        functions.add.enqueue(1)
