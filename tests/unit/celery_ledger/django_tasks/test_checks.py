"""The system checks of the backend."""

import pytest
from celery import Celery, current_app
from celery._state import _set_current_app

from celery_ledger.django_tasks.interface import task_backends
from tests.unit.celery_ledger.django_tasks import functions


def ids():
    return [message.id for message in task_backends["default"].check()]


@pytest.fixture
def foreign_application():
    ours = current_app._get_current_object()
    Celery("another", set_as_current=True)
    yield
    _set_current_app(ours)


def test_settings_that_work_have_no_messages():
    assert ids() == []


def test_the_ledger_must_be_installed(settings):
    settings.INSTALLED_APPS = [name for name in settings.INSTALLED_APPS if name != "celery_ledger"]

    assert ids() == ["celery_ledger.E101"]


@pytest.mark.usefixtures("foreign_application")
def test_the_celery_application_must_be_the_ledgers():
    assert ids() == ["celery_ledger.E102"]


def test_a_queue_that_celery_does_not_have_is_named(settings):
    settings.TASKS = {"default": {**functions.TASKS["default"], "QUEUES": ["mail", "default", "slow"]}}

    messages = task_backends["default"].check()

    assert [message.id for message in messages] == ["celery_ledger.E103", "celery_ledger.E103"]
    assert "'default'" in messages[0].msg
    assert "'slow'" in messages[1].msg
