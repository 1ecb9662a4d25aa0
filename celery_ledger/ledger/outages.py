"""Which errors mean that the database is away, and how the error of one row is kept from all other rows.

Relay, worker, beat and settling all ask here. What is away comes back, so work waits for it. Any other error belongs to
the row or to the code: waiting does not mend it, and it must not stop other rows.
"""

from collections.abc import Callable

import psycopg
from celery.exceptions import SoftTimeLimitExceeded
from django.db import Error, InterfaceError, OperationalError, transaction

from celery_ledger.errors import Cancelled, LeaseLost

_OPERATIONAL = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)
#: A statement that is too large or too complex fails each time, though psycopg counts it as operational.
_PROGRAM_LIMIT = "54"
#: A server that only reads, as after a failover. psycopg counts it as an internal error.
_READ_ONLY = "25006"
#: A table or a column that a migration adds.
_UNMIGRATED = frozenset({"42P01", "42703"})
#: These concern the running attempt and not the row that is being written.
_OF_THE_ATTEMPT = (LeaseLost, Cancelled, SoftTimeLimitExceeded)


def is_outage(error: BaseException) -> bool:
    """Return whether the error means that the database is away: the same statement may succeed later.

    False for DataError, IntegrityError and ProgrammingError.
    """
    state = _sqlstate_of(error)
    if state == _READ_ONLY:
        return True
    return isinstance(error, _OPERATIONAL) and not state.startswith(_PROGRAM_LIMIT)


def is_unmigrated(error: BaseException) -> bool:
    """Return whether the error means that a migration of this release has not been applied yet."""
    return _sqlstate_of(error) in _UNMIGRATED


def failure_of(work: Callable[[], object]) -> Exception | None:
    """Do the work and return the error that it raised, None where it succeeded."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - the caller decides by what the error means
        return error
    return None


def isolated(work: Callable[[], object]) -> Exception | None:
    """Do the work in a savepoint; where it fails, undo it and return its error.

    Raises where the database is away, and where the attempt that does the work has to stop: a later attempt does it.
    """
    failure = failure_of(transaction.atomic(work))
    if failure is not None and (is_outage(failure) or isinstance(failure, _OF_THE_ATTEMPT)):
        raise failure
    return failure


def _sqlstate_of(error: BaseException) -> str:
    cause = error.__cause__ if isinstance(error, Error) else error
    return getattr(cause, "sqlstate", None) or ""
