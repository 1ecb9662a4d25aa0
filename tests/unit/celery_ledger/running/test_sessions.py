"""What a body does to its database session does not reach the next job."""

import pytest
from django.db import connection, transaction

from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.models import Job
from celery_ledger.running import sessions
from tests.unit.celery_ledger.worker import deliver

pytestmark = pytest.mark.django_db(transaction=True)

CHANGES = [
    "set statement_timeout = 1",
    "SET ROLE pg_monitor",
    "select set_config('statement_timeout', '1', false)",
    "select pg_advisory_lock(7)",
    "select pg_try_advisory_lock_shared(7)",
    "create temporary table leftover (id int)",
    "listen something",
]
KEEPS = [
    "select 1",
    "set local statement_timeout = 1000",
    "update celery_ledger_job set error = 'set role'",
    "select pg_advisory_xact_lock(7)",
]


@pytest.mark.parametrize("sql", CHANGES)
def test_a_session_that_a_body_has_changed_is_not_handed_to_the_next_job(sql):
    changed = deliver(enqueue("test.execute", sql))
    following = deliver(enqueue("test.execute", "select 1"))

    assert Job.objects.filter(state="succeeded").count() == 2
    assert changed != following


def test_a_session_that_an_atomic_body_has_changed_is_closed_after_its_commit():
    changed = deliver(enqueue("test.execute_atomically", "set statement_timeout = 9000"))
    following = deliver(enqueue("test.execute", "select 1"))

    assert Job.objects.filter(state="succeeded").count() == 2
    assert changed != following


@pytest.mark.parametrize("sql", KEEPS)
def test_a_session_that_is_as_it_was_is_kept(sql):
    assert deliver(enqueue("test.execute", sql)) == deliver(enqueue("test.execute", "select 1"))


def test_a_session_is_not_closed_under_a_transaction():
    with transaction.atomic():
        with sessions.kept_clean(), connection.cursor() as cursor:
            cursor.execute("set statement_timeout = 9000")
        assert connection.connection is not None

    sessions.close_changed()

    assert connection.connection is None
