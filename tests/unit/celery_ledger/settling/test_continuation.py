"""What follows a settled job has its id from it."""

from uuid import uuid4

import pytest
from celery import signature

from celery_ledger.canvas import chain, step
from celery_ledger.models import Job
from celery_ledger.settling import continuation

pytestmark = pytest.mark.django_db


def test_what_follows_is_asked_for_once_however_often():
    job_id = str(uuid4())
    rest = [dict(signature("test.note", args=("later",)).set(task_id=str(uuid4())))]
    canvas = {"callbacks": [dict(signature("test.note"))], "chain": rest}

    for _ in range(2):
        continuation.enqueue_next(job_id, job_id, canvas, "result")

    assert sorted(Job.objects.values_list("args", flat=True)) == [["result"], ["result", "later"]]


def test_a_chains_rest_travels_with_its_next_step():
    rest = list(reversed(chain(step("test.note", 1), step("test.note", 2), step("test.note", 3)).tasks))

    continuation.enqueue_next(str(uuid4()), str(uuid4()), {"chain": [dict(task) for task in rest]}, None)

    job = Job.objects.get()
    assert job.args == [1]
    assert [task["args"] for task in job.canvas["chain"]] == [[3], [2]]


def test_errbacks_of_another_occasion_are_other_jobs():
    job_id = str(uuid4())

    for occasion in ("errback/1", "errback/1", "errback/2", "errback of a chord/1"):
        continuation.enqueue_errbacks([dict(signature("test.note"))], job_id, occasion, job_id)

    assert [args == [job_id] for args in Job.objects.values_list("args", flat=True)] == [True] * 3
