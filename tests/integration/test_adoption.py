"""A database of the release before, in which the ledger's app was called `jobs`, goes on with all its rows."""

import re
import sys
import uuid
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from tests.integration.stage import database_url
from tests.integration.test_commands import run

TABLES_OF_JOBS = Path(__file__).with_name("tables_of_jobs.sql").read_text()
MIGRATIONS_OF_JOBS = (
    *("0001_initial", "0002_wider_indexes", "0003_upkeep", "0004_beat_entries", "0005_shares"),
    *("0006_permissions", "0007_canvas", "0008_indexes"),
)
NAMED_BY_DJANGO = re.compile(r"\w+_[0-9a-f]{8}\w*")
SHAPE = """
    select 'column', table_name, column_name, concat_ws(' ', data_type, character_maximum_length::text, is_nullable,
        column_default, is_identity)
    from information_schema.columns where table_schema = 'public' and table_name like 'celery_ledger%'
    union all select 'index', tablename, indexname, indexdef from pg_indexes
    where schemaname = 'public' and tablename like 'celery_ledger%'
    union all select 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
    where conrelid::regclass::text like 'celery_ledger%' and contype <> 'n'
    union all select 'sequence', relname, '', '' from pg_class
    where relkind = 'S' and relname like 'celery_ledger%'
    union all select 'storage', relname, '', reloptions::text from pg_class
    where relkind = 'r' and relname like 'celery_ledger%'
"""
OLD_JOB = """
    insert into jobs_job (id, root_id, name, queue, state, args, kwargs, canvas, headers, attempts, max_attempts,
        attempts_before, publications, worker, request_id, error)
    values (%(id)s, %(id)s, 'a.task', 'mail', 'queued', '[1]', '{}', '{}', '{}', 0, 5, 0, 0, '', '', '')
"""


@pytest.fixture
def database(transactional_db):
    """Return a connection to an empty database of its own, and its URL."""
    name = f"adoption_{uuid.uuid4().hex[:8]}"
    with connection.cursor() as cursor:
        cursor.execute(f"create database {name}")
    url = database_url().replace(f"/{connection.settings_dict['NAME']}", f"/{name}")
    with psycopg.connect(url, autocommit=True) as opened:
        yield opened, url
    with connection.cursor() as cursor:
        cursor.execute(f"drop database {name} with (force)")


def migrate(url, *arguments):
    return run([sys.executable, "manage.py", "migrate", "--verbosity", "0", *arguments], DATABASE_URL=url)


def left_by_the_release_before(database, migrations=MIGRATIONS_OF_JOBS):
    opened, url = database
    migrate(url, "contenttypes")
    opened.execute(TABLES_OF_JOBS)
    opened.execute("insert into django_content_type (app_label, model) values ('jobs', 'job')")
    for name in migrations:
        opened.execute(
            "insert into django_migrations (app, name, applied) values ('jobs', %s, now())", [name]
        )


def shape(cursor):
    """Return what the tables are; Django's names of foreign keys, which hold a hash, are left out."""
    cursor.execute(SHAPE)
    return {tuple(NAMED_BY_DJANGO.sub("named by Django", field or "") for field in row) for row in cursor}


def test_its_tables_become_those_that_a_new_database_gets(database):
    opened, url = database
    left_by_the_release_before(database)

    ended = migrate(url, "celery_ledger")

    assert ended.returncode == 0, ended.stderr
    with connection.cursor() as cursor, opened.cursor() as adopted:
        assert shape(adopted) == shape(cursor)


def test_its_rows_stay_and_new_ones_are_numbered_on(database):
    opened, url = database
    left_by_the_release_before(database)
    job_id = uuid.uuid4()
    opened.execute(OLD_JOB, {"id": job_id})

    ended = migrate(url)

    assert ended.returncode == 0, ended.stderr
    assert opened.execute("select id, args, seq from celery_ledger_job").fetchall() == [(job_id, [1], 1)]
    assert opened.execute("select nextval('celery_ledger_job_seq')").fetchone() == (2,)
    labels = opened.execute("select app_label from django_content_type where model = 'job'").fetchall()
    assert labels == [("celery_ledger",)]
    assert not opened.execute("select 1 from django_migrations where app = 'jobs'").fetchall()


def test_older_tables_are_refused_and_left_as_they_are(database):
    opened, url = database
    left_by_the_release_before(database, MIGRATIONS_OF_JOBS[:3])

    ended = migrate(url, "celery_ledger")

    assert ended.returncode != 0
    assert "migrate to jobs 0008_indexes" in ended.stderr
    assert opened.execute("select to_regclass('jobs_job') is not null").fetchone() == (True,)
