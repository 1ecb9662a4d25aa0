"""Logins in the log, wherever they happen: the API, the pages and the admin all send Django's signals."""

from typing import Any

import structlog
from django.contrib.auth import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from accounts import queries
from accounts.models import User
from api import security_log

log = structlog.get_logger(__name__)


@receiver(user_logged_in)
def log_session(user: User, **_sent: Any) -> None:
    """Log that a session began."""
    log.info("session_started", user_id=str(user.pk), is_staff=user.is_staff)


@receiver(user_logged_out)
def log_end(user: User | None, **_sent: Any) -> None:
    """Log that a session was ended by its user."""
    if user is not None:
        log.info("session_ended", user_id=str(user.pk))


@receiver(user_login_failed)
def log_failure(credentials: dict[str, Any], request: HttpRequest | None = None, **_sent: Any) -> None:
    """Log that a password was wrong, with the user's id where the address has an account.

    An unknown address costs the same query, so that the time of the response tells nothing.
    """
    address = str(credentials.get("username", ""))
    holder = queries.users_with_address(address).first()
    log.warning("login_failed", user_id=str(holder.pk) if holder else None)
    security_log.count("login_failed")
