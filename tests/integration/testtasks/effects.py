"""What the tests' tasks leave behind: rows of a table of their own, written by whoever runs them."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from celery_ledger.current import current_job


@dataclass(frozen=True)
class Effect:
    job_id: str
    attempt: int
    note: str
    at: datetime


def create_table() -> None:
    execute("create table if not exists test_effect (job_id text, attempt int, note text, at timestamptz)")


def drop_table() -> None:
    execute("drop table if exists test_effect")


def empty_table() -> None:
    execute("delete from test_effect")


def leave(note: object) -> None:
    """Write one effect, in the current transaction where there is one."""
    job = current_job()
    execute(
        "insert into test_effect values (%s, %s, %s, clock_timestamp())",
        [job.id if job else "", job.attempt if job else 0, str(note)],
    )


def of(*job_ids: str) -> list[Effect]:
    """Return the effects of these jobs, in the order in which they happened."""
    return _select("where job_id = any(%s)", [list(job_ids)])


def noted(prefix: str) -> list[Effect]:
    """Return the effects whose note begins so."""
    return _select("where starts_with(note, %s)", [prefix])


def session() -> int:
    """Return the database's number of the session that this process speaks over."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _select(where: str, parameters: list[object]) -> list[Effect]:
    with connection.cursor() as cursor:
        cursor.execute(f"select job_id, attempt, note, at from test_effect {where} order by at", parameters)  # noqa: S608 (constants)
        return [Effect(*row) for row in cursor.fetchall()]


def execute(statement: str, parameters: list[object] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
