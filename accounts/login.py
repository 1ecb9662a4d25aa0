"""Logging in and out."""

from datetime import datetime

import structlog
from django.contrib.auth import authenticate
from django.contrib.auth.models import update_last_login
from django.http import HttpRequest
from django.utils import timezone
from knox.models import AuthToken

from accounts import active_logins, password_check, two_factor
from accounts.errors import NotVerified, WrongCredentials, WrongPassword
from accounts.models import User

log = structlog.get_logger(__name__)


def log_in(request: HttpRequest, address: str, password: str, code: str = "") -> tuple[str, datetime | None]:
    """Return a new bearer token, of which only a hash is kept, and when it expires.

    Raises WrongCredentials, NotVerified, CodeRequired, WrongCode, TooManyFailures.
    """
    user = prove(request, address, password, code)
    row, token = AuthToken.objects.create(user=user)
    active_logins.record_token(row, active_logins.client_of(request), timezone.now())
    update_last_login(User, user)
    log.info("login_accepted", user_id=str(user.pk))
    return token, row.expiry


def prove(request: HttpRequest, address: str, password: str, code: str = "") -> User:
    """Return the verified user of that address and password, for a token or for a page's session.

    `code` is one of the authenticator app or a recovery code, where the user has two-factor authentication.
    Raises WrongCredentials, NotVerified, CodeRequired, WrongCode, TooManyFailures.
    """
    user = authenticate(request, username=address, password=password)
    if not isinstance(user, User):
        raise WrongCredentials
    if not user.is_verified:
        raise NotVerified
    two_factor.prove(user, code, timezone.now())
    return user


def prove_password(request: HttpRequest | None, user: User, password: str) -> None:
    """Check the password with which a logged-in user confirms an act, under the same limits as a login.

    Without a request (a command), all such callers count as one client. Raises WrongPassword, TooMany, TooManyFailures.
    """
    if not password_check.is_right(request, str(user.pk), user, password):
        raise WrongPassword


def log_out(token: AuthToken) -> None:
    """End one login. Twice: the second call finds nothing to end."""
    AuthToken.objects.filter(pk=token.pk).delete()
    log.info("logout_accepted", user_id=str(token.user_id))


def end_all_logins(user: User) -> None:
    """End every login by token and by session."""
    active_logins.end_all(user.pk)
