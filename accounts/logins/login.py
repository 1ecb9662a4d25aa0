"""Logging in and out."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog
from django.contrib.auth import authenticate
from django.contrib.auth.models import update_last_login
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from knox.models import AuthToken

from accounts import queries
from accounts.errors import CodeRequired, NotVerified, WrongCredentials, WrongPassword
from accounts.logins import active_logins, two_factor
from accounts.models import User
from accounts.password_checks import password_check

log = structlog.get_logger(__name__)


def log_in(request: HttpRequest, address: str, password: str, code: str = "") -> tuple[str, datetime | None]:
    """Return a new bearer token, of which only a hash is kept, and when it expires.

    Raises WrongCredentials, NotVerified, CodeRequired, WrongCode, TooManyFailures.
    """
    with proven(request, address, password, code) as user:
        row, token = AuthToken.objects.create(user=user)
        active_logins.record_token(row, active_logins.client_of(request), timezone.now())
        update_last_login(User, user)
    log.info("login_accepted", user_id=str(user.pk))
    return token, row.expiry


@contextmanager
def proven(request: HttpRequest, address: str, password: str, code: str = "") -> Iterator[User]:
    """Lend the verified user of that address and password to the block, which makes a token or a session.

    The block runs in a transaction, with the user locked, and only where what was proven still holds. Comparing takes
    long: a login that began before a change of password would end after it, and outlive it. `code` is one of the
    authenticator app or a recovery code, where the user has two-factor authentication.
    Raises WrongCredentials, NotVerified, CodeRequired, WrongCode, TooManyFailures.
    """
    user = authenticate(request, username=address, password=password)
    if not isinstance(user, User):
        raise WrongCredentials
    if not user.is_verified:
        raise NotVerified
    needed_code = two_factor.is_on(user)
    two_factor.prove(user, code, timezone.now())
    with transaction.atomic():
        if not _lock_with_proven_password(user):
            raise WrongCredentials
        if two_factor.is_on(user) and not needed_code:
            raise CodeRequired
        yield user


def prove_password(request: HttpRequest | None, user: User, password: str) -> None:
    """Check the password with which a logged-in user confirms an act, under the same limits as a login.

    Without a request (a command), all such callers count as one client. Raises WrongPassword, TooMany, TooManyFailures.
    """
    if not password_check.is_right(request, str(user.pk), user, password):
        raise WrongPassword


def lock_proven(user: User) -> None:
    """Lock the credentials of a user whose password was proven, in the transaction of the act that it confirms.

    Raises WrongPassword where the password was replaced, or the account closed, since it was compared.
    """
    if not _lock_with_proven_password(user):
        raise WrongPassword


def log_out(token: AuthToken) -> None:
    """End one login. Twice: the second call finds nothing to end."""
    AuthToken.objects.filter(pk=token.pk).delete()
    log.info("logout_accepted", user_id=str(token.user_id))


def _lock_with_proven_password(user: User) -> bool:
    queries.lock_user(user.pk)
    return queries.user_with_hash(user.pk, user.password).exists()
