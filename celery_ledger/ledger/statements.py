"""Runs one statement of SQL: how values go in and rows come out. The other modules here hold one statement a function.

Due times and leases are compared by the database's clock: the clocks of workers differ, the database's does not. Values
are `clock_timestamp()`, comparisons `statement_timestamp()`: `now()` stands still inside a transaction, and an index
cannot be searched for a volatile function.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from django.db import connection
from psycopg.types.json import Jsonb

from celery_ledger.values import wire

JSON_COLUMNS = frozenset({"args", "kwargs", "canvas", "headers"})

Row = TypeVar("Row")

#: By name; JSON columns as psycopg's Jsonb.
Parameters = Any


def change(statement: str, parameters: Parameters) -> int:
    """Execute a statement and return how many rows it has changed."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


def change_one(statement: str, parameters: Parameters) -> bool:
    """Execute a statement that concerns one row and return whether it has changed it."""
    return change(statement, parameters) == 1


def flag(statement: str, parameters: Parameters) -> bool | None:
    """Execute a statement that returns one truth value; None where it returns no row."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        row = cursor.fetchone()
    return None if row is None else bool(row[0])


def fetch(kind: Callable[..., Row], statement: str, parameters: Parameters) -> list[Row]:
    """Execute a statement and return its rows as values of `kind`."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        names = [column.name for column in cursor.description or ()]
        return [kind(**decoded(zip(names, row, strict=True))) for row in cursor.fetchall()]


def decoded(row: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return a row's columns by name, JSON columns parsed."""
    # Django hands JSONB over as text, so that a model's field may choose its decoder.
    return {name: wire.loads(value) if name in JSON_COLUMNS else value for name, value in row}


def jsonb(value: Any) -> Jsonb:
    """Return a value as a statement takes it for a JSON column."""
    return Jsonb(value, dumps=wire.dumps)
