"""Seals what is stored anew, after SECRET_KEY was replaced; `manage.py reseal` calls it."""

from collections.abc import Iterator
from typing import Any

import structlog
from django.db.models import Model, QuerySet

from accounts import queries
from api import sealing

log = structlog.get_logger(__name__)

ROWS_AT_ONCE = 500


def reseal_all() -> tuple[int, int]:
    """Seal everything that a fallback sealed under SECRET_KEY; return how many seals, and how many could not be read.

    Twice: the second call finds nothing to do. Rows that change meanwhile are left as they are: what writes them
    seals under SECRET_KEY.
    """
    done = unreadable = 0
    for rows, column in queries.sealed_columns():
        for row, sealed in _sealed_before(rows, column):
            try:
                changes = {column: sealing.reseal(sealed)}
            except sealing.Unreadable:
                unreadable += 1
                continue
            done += rows.filter(pk=row.pk, **{column: sealed}).update(**changes)
    log.info("seals_renewed", count=done, unreadable=unreadable)
    return done, unreadable


def _sealed_before(rows: QuerySet[Any], column: str) -> Iterator[tuple[Model, str]]:
    """Yield the rows that SECRET_KEY alone does not open, each with its seal."""
    for row in rows.exclude(**{column: ""}).only("pk", column).iterator(chunk_size=ROWS_AT_ONCE):
        sealed: str = getattr(row, column)
        if not sealing.is_current(sealed):
            yield row, sealed
