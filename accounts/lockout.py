"""How many wrong passwords are tried before no further one is, per address and client address.

Own rows instead of django-axes: axes keeps the address, the client's address, its browser, the posted fields
of each failure, writes addresses to the log, and checks before it counts, so that guesses sent at the same
moment all pass. By address alone anyone could lock anyone out, by client alone a school itself.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Case, F, IntegerField, Value, When
from django.utils.crypto import salted_hmac

from accounts import queries
from accounts.errors import TooManyFailures
from accounts.models import LoginFailures


def remembered_for() -> timedelta:
    """Return how long after the last failure a login is refused, and after which failures no longer count."""
    return timedelta(minutes=settings.LOGIN_LOCK_MINUTES)


def count(key: str, now: datetime) -> None:
    """Count a try as failed, until `forgive` says otherwise. Raises TooManyFailures instead at the limit.

    Counting comes before the password is looked at: of a thousand tries at once no more than the limit pass.
    """
    LoginFailures.objects.bulk_create([LoginFailures(key=key, last_at=now)], ignore_conflicts=True)
    forgotten = When(last_at__lte=now - remembered_for(), then=Value(0))
    recent = Case(forgotten, default=F("failures"), output_field=IntegerField())
    rows = LoginFailures.objects.filter(key=key).alias(recent=recent)
    below = rows.filter(recent__lt=settings.LOGIN_MAX_FAILURES)
    if below.update(failures=recent + 1, last_at=now) == 1:
        return
    last_at = LoginFailures.objects.values_list("last_at", flat=True).filter(key=key).first() or now
    raise TooManyFailures((last_at + remembered_for() - now).total_seconds())


def forgive(key: str) -> None:
    """Forget the failures: the password was right.

    The row stays: deleted between another try's insert and its count, it would have refused that try.
    """
    LoginFailures.objects.filter(key=key).update(failures=0)


def forget_expired(now: datetime) -> int:
    """Delete the rows that count no longer and return how many. Twice: the second call finds none."""
    return queries.failures_before(now - remembered_for()).delete()[0]


def key_of(subject: str, client: str) -> str:
    """Return the name under which tries of `client` on one account are counted.

    `subject` is the user's id, or the address of nobody as the database folds it: Python and PostgreSQL fold some
    letters outside ASCII differently, and each form of an address would have a count of its own.
    """
    return salted_hmac("accounts.lockout", f"{subject}\n{client}", algorithm="sha256").hexdigest()
