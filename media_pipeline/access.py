"""Who asks, for the plain async views: the same token or session cookie as everywhere else."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from accounts import active_logins
from accounts.bearer import BearerAuthentication
from accounts.models import User
from accounts.sessions import LOGIN_ID
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


@lent
def caller(request: HttpRequest) -> User:
    """Return who asks and may change things. Raises Refused: 401, or 403 for a cookie without its CSRF token."""
    ways = (BearerAuthentication(), SessionAuthentication())
    try:
        user: Any = Request(request, authenticators=ways).user
    except (AuthenticationFailed, PermissionDenied) as error:
        raise Refused(str(error.detail), status=error.status_code) from error
    if not user.is_authenticated:
        raise Refused("Authentication credentials were not provided.", status=401)
    return user  # type: ignore[no-any-return]  # any user there is is ours


def _by_token(request: HttpRequest) -> Reader | None:
    try:
        found: Any = BearerAuthentication().authenticate(request)
    except AuthenticationFailed:
        return None
    return None if found is None else Reader(found[0].pk, active_logins.login_id_of(request, found[1]))
