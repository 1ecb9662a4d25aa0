"""The indexes are built outside a transaction, so the migration may be cut off between any two of its statements."""

from importlib import import_module

import pytest
from django.db import connection

STATEMENTS = import_module("jobs.migrations.0008_indexes")._STATEMENTS
BUILT = {"jobs_chordpart_failed", "jobs_job_due", "jobs_job_expiry", "jobs_job_share", "jobs_job_share_held"}


def run(statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def valid_indexes():
    with connection.cursor() as cursor:
        cursor.execute("""
            select relname from pg_index join pg_class on pg_class.oid = indexrelid
            where indisvalid and (relname like 'jobs_job%' or relname like 'jobs_chordpart%')
        """)
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("done", [1, len(STATEMENTS) // 2, len(STATEMENTS) - 2, len(STATEMENTS) - 1])
def test_a_migration_that_was_cut_off_ends_well_at_the_next_try(done):
    run(STATEMENTS[:done])

    run(STATEMENTS)

    assert valid_indexes() >= BUILT
    assert "jobs_job_due_next" not in valid_indexes()
