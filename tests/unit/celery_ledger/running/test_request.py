"""A delivered job as the worker's parent sees it."""

from types import SimpleNamespace

import pytest
from celery import current_app

from celery_ledger.models import Job
from celery_ledger.running.request import JobRequest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("safe", [False, True])
def test_a_monitor_sees_the_arguments_that_the_message_does_not_bear(safe):
    task = current_app.tasks["test.add"]
    task.apply_async((1,), {"y": 2})
    message = SimpleNamespace(
        delivery_info={}, properties={}, content_type="application/json", content_encoding="utf-8"
    )
    body: tuple = ([], {}, {})
    request = JobRequest(
        message, headers=Job.objects.get().headers, body=body, decoded=True, app=current_app, task=task
    )

    shown = request.info(safe=safe)

    assert (shown["args"], shown["kwargs"]) == ("[1]", "{'y': 2}")
