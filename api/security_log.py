"""Security events: what was refused, and under which name the caller of a request stands in the log.

A line has names and ids, never what was sent: an address, a password or a token could be part of it. docs/security.md
lists the events.
"""

from http import HTTPStatus
from typing import Any

import structlog
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from prometheus_client import Counter
from rest_framework.exceptions import ValidationError
from structlog.contextvars import bind_contextvars

from api.throttle import client_address

log = structlog.get_logger(__name__)

CLIENT_LETTERS = 16
COUNTED = ("login_failed", "access_denied", "limit_reached", "input_refused")
_events = Counter("offstage_security_events", "What was refused, by event", ["event"])
for _event in COUNTED:  # from zero: Prometheus sees no increase from a series that begins at one
    _events.labels(_event)


def refused(error: Exception, status: int) -> None:
    """Log that a request was refused with `status` for `error`: `access_denied`, `limit_reached` or `input_refused`.

    What was not found is not logged: `request_finished` has the path and the status. The other kinds have a reason that
    the path does not tell.
    """
    seen = {"status": status, "reason": type(error).__name__}
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        log.warning("access_denied", **seen)
        count("access_denied")
    elif status == HTTPStatus.TOO_MANY_REQUESTS:
        log.warning("limit_reached", **seen)
        count("limit_reached")
    elif _is_about_the_input(status):
        log.info("input_refused", **seen, fields=_fields(error))
        count("input_refused")


def count(event: str) -> None:
    """Count an event for the alerts of monitoring/alerts/rules.yml."""
    _events.labels(event).inc()


def bind_client(request: HttpRequest) -> None:
    """Put `client` on every further line of the request: a keyed hash of the client's address.

    It tells clients apart and leads to none of them without SECRET_KEY.
    """
    digest = salted_hmac("api.security_log", client_address(request), algorithm="sha256").hexdigest()
    bind_contextvars(client=digest[:CLIENT_LETTERS])


def user_of(request: HttpRequest) -> dict[str, str]:
    """Return `{"user_id": …}` of the user that was authenticated in the request, `{}` where none was.

    Asks neither session nor database: a request that needed no user must not need one for its log line.
    """
    seen = vars(request)
    for name in ("_cached_user", "_acached_user", "user"):
        user = seen.get(name)
        # By its type: isinstance asks a lazy object for its class, and that reads the session.
        if issubclass(type(user), AbstractBaseUser):
            return {"user_id": str(user.pk)}  # type: ignore[union-attr]  # a user, as its type says
    return {}


def _is_about_the_input(status: int) -> bool:
    is_refusal = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return is_refusal and status != HTTPStatus.NOT_FOUND


def _fields(error: Exception) -> list[str]:
    detail: Any = error.detail if isinstance(error, ValidationError) else None
    if isinstance(detail, dict):
        return sorted(str(name) for name in detail)
    field = getattr(error, "field", None)
    return [field] if field else []
