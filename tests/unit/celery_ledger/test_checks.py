"""What of a project's settings contradicts the ledger is said by `manage.py check`."""

import pytest
from celery import current_app
from django.core.checks import run_checks
from django.db import connection

from celery_ledger.configuration import CONTRADICTIONS, contradictions, needed

WRONG = {
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 4,
    "task_create_missing_queues": True,
    "task_serializer": "pickle",
    "accept_content": ["pickle"],
    "result_backend": "redis://localhost/1",
    "broker_connection_max_retries": 100,
    "CELERY_DB_REUSE_MAX": 1,
}


def said():
    return [message.msg for message in run_checks() if message.id.startswith("celery_ledger.")]


def test_the_settings_of_this_project_contradict_nothing():
    assert said() == []


@pytest.mark.parametrize("setting", WRONG)
def test_a_contradiction_is_named_with_its_consequence(setting, monkeypatch):
    monkeypatch.setitem(current_app.conf, setting, WRONG[setting])

    [message] = said()

    assert message.startswith(f"{setting} = {WRONG[setting]!r} contradicts the ledger. ")


def test_every_contradiction_is_tried():
    assert {each.setting for each in CONTRADICTIONS} == set(WRONG)


@pytest.mark.parametrize("broker_url", ["redis://a", "amqp://a", "sqs://", "memory://"])
def test_what_the_ledger_sets_contradicts_nothing(broker_url):
    assert contradictions(needed(broker_url)) == []


def test_another_database_is_an_error(monkeypatch):
    monkeypatch.setattr(connection._connections[connection._alias], "vendor", "sqlite")

    assert said() == ["The ledger needs PostgreSQL; DATABASES['default'] is sqlite."]
