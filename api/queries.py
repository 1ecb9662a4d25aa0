"""Sets of stored answers, and the lock on a key."""

from datetime import datetime

from django.db import connection
from django.db.models import QuerySet

from api.models import IdempotencyKey


def answers_of(owner: str, operation: str, key: str) -> QuerySet[IdempotencyKey]:
    """Return the stored answer of one key: none or one."""
    return IdempotencyKey.objects.filter(owner=owner, operation=operation, key=key)


def answers_before(instant: datetime) -> QuerySet[IdempotencyKey]:
    """Return the answers stored before `instant`."""
    return IdempotencyKey.objects.filter(created_at__lt=instant)


def try_lock(number: int) -> bool:
    """Take PostgreSQL's advisory lock `number` until the transaction ends; False where another one has it.

    A lock and not a row, for it vanishes with its holder: no crash leaves a key "still running" for ever, and the
    second request learns so at once instead of waiting for the first one's insert.
    """
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%(number)s)", {"number": number})
        return bool(cursor.fetchone()[0])
