"""What a counted job leaves behind, where it leaves it: a row, or a file."""

import threading
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection

from celery_ledger.current import checkpoint, current_job
from celery_ledger.errors import Transient

TABLE = """
    create table if not exists chaos_effect (
        tag text not null, job_id text not null, attempt int not null,
        started timestamptz not null, ended timestamptz not null)
"""


@dataclass(frozen=True)
class Effect:
    """One row that a job has committed. No constraint keeps a second one out: it would be seen."""

    tag: str
    job_id: str
    attempt: int
    started: datetime
    ended: datetime


def folder() -> Path:
    """Return the folder of the files."""
    return settings.OFFSTAGE_DATA / "chaos"


def leave(tag: str, seconds: float, failures: int) -> str:
    """Work a while, fail the first so many attempts, write the row. Twice: two rows, unless the ledger prevents it."""
    started = _clock()
    _work(seconds)
    _fail_first(failures)
    job = current_job()
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into chaos_effect values (%s, %s, %s, %s, clock_timestamp())",
            [tag, job.id if job else "", job.attempt if job else 0, started],
        )
    return tag


def write(tag: str, seconds: float) -> str:
    """Write a file under another name, then rename it. Twice: the same file (form 4 of the house)."""
    job = current_job()
    folder().mkdir(parents=True, exist_ok=True)
    unfinished = folder() / f".{tag}.{job.attempt if job else 0}"
    with unfinished.open("w") as file:
        file.write(tag)
        file.flush()
        _work(seconds)
        file.write(" whole")
    unfinished.rename(folder() / tag)
    return tag


def lock_both(first: int, second: int, tag: str) -> str:
    """Lock two rows in this order, with time for another job to lock them in the other: a deadlock."""
    started = _clock()
    with connection.cursor() as cursor:
        cursor.execute("update chaos_pair set turns = turns + 1 where id = %s", [first])
        _work(0.3)
        cursor.execute("update chaos_pair set turns = turns + 1 where id = %s", [second])
    return _note(tag, started)


def read_then_write(tag: str) -> str:
    """Count in a serializable transaction what others count too: a serialization failure."""
    started = _clock_serializable()
    with connection.cursor() as cursor:
        cursor.execute("select sum(turns) from chaos_pair")
        _work(0.2)
        cursor.execute("update chaos_pair set turns = turns + 1 where id = 1")
    return _note(tag, started)


def _note(tag: str, started: datetime) -> str:
    job = current_job()
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into chaos_effect values (%s, %s, %s, %s, clock_timestamp())",
            [tag, job.id if job else "", job.attempt if job else 0, started],
        )
    return tag


def _fail_first(failures: int) -> None:
    job = current_job()
    if job is not None and job.attempt <= failures:
        raise Transient(f"attempt {job.attempt} of a job that fails {failures} times")


def _clock() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        return cursor.fetchone()[0]


def _clock_serializable() -> datetime:
    with connection.cursor() as cursor:
        # The first statement of the transaction that `atomic` has opened.
        cursor.execute("set transaction isolation level serializable")
    return _clock()


def _work(seconds: float) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        threading.Event().wait(min(0.05, left))
        checkpoint()
