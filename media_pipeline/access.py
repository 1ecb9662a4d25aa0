"""Who asks, for the plain async views: the same token or session cookie as everywhere else."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from accounts.logins import active_logins
from accounts.logins.bearer import BearerAuthentication
from accounts.logins.sessions import LOGIN_ID
from accounts.models import User
from api.connections import lent
from api.errors import Refused


@dataclass(frozen=True, slots=True)
class Reader:
    """Who a request is from, and the login that it came with."""

    user_id: UUID
    login_id: str | None


async def reader_of(request: HttpRequest) -> Reader | None:
    """Return who asks, None for a stranger or a token that does not hold."""
    if "Authorization" in request.headers:
        return await sync_to_async(_by_token)(request)
    user: Any = await request.auser()
    if not (user.is_authenticated and user.is_active):
        return None
    return Reader(user.pk, await request.session.aget(LOGIN_ID))


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request that changes things is from, and the login that it came with."""

    user: User
    login_id: str | None


@lent
def caller(request: HttpRequest) -> Caller:
    """Return who asks and may change things. Raises Refused: 401, or 403 for a cookie without its CSRF token."""
    ways = (BearerAuthentication(), SessionAuthentication())
    asked = Request(request, authenticators=ways)
    try:
        user: Any = asked.user
    except (AuthenticationFailed, PermissionDenied) as error:
        raise Refused(str(error.detail), status=error.status_code) from error
    if not user.is_authenticated:
        raise Refused("Authentication credentials were not provided.", status=401)
    return Caller(user, active_logins.login_id_of(request, asked.auth))


class NotAllowed(Exception):
    """The sender of a body may not send it."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


@lent
def sender_of(scope: MutableMapping[str, Any]) -> UUID:
    """Return whose request this is, judged by its headers, before its body is read. Raises NotAllowed.

    A cookie's CSRF token may be in the body, where the view checks it. Until then it must do that no browser says that
    the request comes from another site.
    """
    request = _without_body(scope)
    if "Authorization" in request.headers:
        reader = _by_token(request)
        user_id = reader.user_id if reader else None
    else:
        user: Any = request.user
        user_id = user.pk if user.is_authenticated and user.is_active else None
        if user_id is not None and _is_of_another_site(request):
            raise NotAllowed(403, "CSRF Failed: The request comes from another site.")
    if user_id is None:
        raise NotAllowed(401, "Authentication credentials were not provided.")
    return user_id


def _without_body(scope: MutableMapping[str, Any]) -> HttpRequest:
    left_out = (b"content-length", b"content-type", b"transfer-encoding")
    headers = [(name, value) for name, value in scope["headers"] if name not in left_out]
    request = ASGIRequest({**scope, "headers": headers}, BytesIO())
    SessionMiddleware(_nothing).process_request(request)
    AuthenticationMiddleware(_nothing).process_request(request)
    return request


def _is_of_another_site(request: HttpRequest) -> bool:
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return True
    origin = request.headers.get("Origin")
    if origin is None or origin in settings.CSRF_TRUSTED_ORIGINS:
        return False
    try:
        return origin != f"{request.scheme}://{request.get_host()}"
    except DisallowedHost:
        return True


def _nothing(_request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def _by_token(request: HttpRequest) -> Reader | None:
    try:
        found: Any = BearerAuthentication().authenticate(request)
    except AuthenticationFailed:
        return None
    return None if found is None else Reader(found[0].pk, active_logins.login_id_of(request, found[1]))
