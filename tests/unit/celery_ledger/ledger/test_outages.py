"""Which errors of the database mean that it is away, and what one row's error does to others."""

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connection,
)

from celery_ledger.errors import LeaseLost
from celery_ledger.ledger.outages import failure_of, is_outage, is_unmigrated, isolated
from celery_ledger.models import Job
from tests.rows import a_job

NESTED = "(" * 100_000 + "1" + ")" * 100_000


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_a_database_that_can_not_be_reached_is_away(kind):
    assert is_outage(kind("the connection is closed"))


@pytest.mark.parametrize("kind", [DataError, IntegrityError, ProgrammingError, ValueError])
def test_what_a_row_causes_is_no_outage(kind):
    assert not is_outage(kind("invalid"))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("statement", "means_away"),
    [
        pytest.param("select 1/0", False, id="a value"),
        pytest.param("select * from celery_ledger_nowhere", False, id="a table"),
        pytest.param(f"select {NESTED}", False, id="a statement too complex"),
        pytest.param(
            "set local statement_timeout = 1; select pg_sleep(1)", True, id="a server that takes too long"
        ),
        pytest.param(
            "set transaction read only; delete from celery_ledger_job",
            True,
            id="a server that takes no writes",
        ),
    ],
)
def test_the_servers_own_errors_are_told_apart(statement, means_away):
    error = failure_of(lambda: execute(statement))

    assert isinstance(error, DatabaseError)
    assert is_outage(error) is means_away


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement", ["select * from celery_ledger_nowhere", "select nothing from celery_ledger_job"]
)
def test_a_table_or_column_that_is_missing_waits_for_a_migration(statement):
    assert is_unmigrated(failure_of(lambda: execute(statement)))


@pytest.mark.django_db
def test_isolated_work_that_fails_is_undone_and_leaves_the_transaction_usable():
    def fail():
        a_job()
        execute("select 1/0")

    error = isolated(fail)

    assert isinstance(error, DataError)
    assert not Job.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("error", [OperationalError("away"), LeaseLost("id"), SoftTimeLimitExceeded()])
def test_what_does_not_concern_the_row_is_raised(error):
    def fail():
        raise error

    with pytest.raises(type(error)):
        isolated(fail)


def execute(statement):
    with connection.cursor() as cursor:
        for part in statement.split("; "):
            cursor.execute(part)
