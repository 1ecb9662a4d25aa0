"""How many wrong passwords are tried before no further one is: two counts, of which one is for strangers alone.

By account and client: LOGIN_MAX_FAILURES, then a quarter of an hour. By account alone anyone could lock anyone out, by
client alone a school itself.

By account, over all clients from which its user has never logged in: LOGIN_MAX_FAILURES_PER_ACCOUNT, then an hour. It
bounds who guesses from many addresses. It locks no owner out: a client that logged in lately has the first count only,
and on a new one a password reset makes the client known. One budget for all clients would let any stranger close any
account; none would give each new address ten guesses more.

Own rows instead of django-axes: axes keeps the address, the client's address, its browser, the posted fields
of each failure, writes addresses to the log, and checks before it counts, so that guesses sent at the same
moment all pass.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Case, F, IntegerField, Value, When
from django.utils.crypto import salted_hmac

from accounts import queries
from accounts.errors import TooManyFailures
from accounts.models import User
from accounts.password_checks.models import KnownClient, LoginFailures

TRIES_TO_COUNT = 3


def remembered_for() -> timedelta:
    """Return how long after the last failure a client's login is refused, and when its failures no longer count."""
    return timedelta(minutes=settings.LOGIN_LOCK_MINUTES)


def account_remembered_for() -> timedelta:
    """Return the same for the failures of an account from all unknown clients."""
    return timedelta(minutes=settings.LOGIN_ACCOUNT_LOCK_MINUTES)


def count(subject: str, client: str, now: datetime) -> None:
    """Count a try as failed, until `forgive` says otherwise. Raises TooManyFailures instead at a limit.

    `subject` is the user's id, or the address of nobody as the database folds it: Python and PostgreSQL fold some
    letters outside ASCII differently, and each form of an address would have a count of its own.
    Counting comes before the password is looked at: of a thousand tries at once no more than the limit pass.
    """
    _count(_key(subject, client), settings.LOGIN_MAX_FAILURES, remembered_for(), now)
    if not queries.known_client(subject, _client_key(subject, client)).exists():
        _count(_key(subject), settings.LOGIN_MAX_FAILURES_PER_ACCOUNT, account_remembered_for(), now)


def forgive(user: User, client: str, now: datetime) -> None:
    """Forget the client's failures and this try of the account's: the password was right.

    The strangers' other failures stay: the owner's logins must not give them new guesses. No row is deleted: between
    another try's insert and its count that would refuse the other try.
    """
    subject = str(user.pk)
    LoginFailures.objects.filter(key=_key(subject, client)).update(failures=0)
    if not queries.known_client(subject, _client_key(subject, client)).exists():
        LoginFailures.objects.filter(key=_key(subject), failures__gt=0).update(failures=F("failures") - 1)
    if user.is_verified and client:
        remember(user, client, now)


def remember(user: User, client: str, now: datetime) -> None:
    """Note that the user logs in from that client. Twice: the same row, with the later time."""
    KnownClient.objects.bulk_create(
        [KnownClient(user=user, key=_client_key(str(user.pk), client), seen_at=now)],
        update_conflicts=True,
        unique_fields=["user", "key"],
        update_fields=["seen_at"],
    )


def forget_expired(now: datetime) -> int:
    """Delete the rows that count no longer and return how many. Twice: the second call finds none."""
    oldest_login = now - timedelta(days=settings.KNOWN_CLIENT_DAYS)
    longest = max(remembered_for(), account_remembered_for())
    return (
        queries.failures_before(now - longest).delete()[0]
        + queries.known_clients_before(oldest_login).delete()[0]
    )


def _count(key: str, limit: int, window: timedelta, now: datetime) -> None:
    forgotten = When(last_at__lte=now - window, then=Value(0))
    recent = Case(forgotten, default=F("failures"), output_field=IntegerField())
    rows = LoginFailures.objects.filter(key=key).alias(recent=recent)
    for _ in range(TRIES_TO_COUNT):
        LoginFailures.objects.bulk_create([LoginFailures(key=key, last_at=now)], ignore_conflicts=True)
        if rows.filter(recent__lt=limit).update(failures=recent + 1, last_at=now) == 1:
            return
        last_at = LoginFailures.objects.values_list("last_at", flat=True).filter(key=key).first()
        if last_at is not None:
            raise TooManyFailures(max(1.0, (last_at + window - now).total_seconds()))
        # `forget_expired` deleted the row in between.
    raise TooManyFailures(window.total_seconds())


def _key(subject: str, client: str | None = None) -> str:
    counted = subject if client is None else f"{subject}\n{client}"
    return salted_hmac("accounts.lockout", counted, algorithm="sha256").hexdigest()


def _client_key(subject: str, client: str) -> str:
    return salted_hmac("accounts.lockout.known", f"{subject}\n{client}", algorithm="sha256").hexdigest()
