"""Who asks, for the plain async views: the same token or session cookie as everywhere else."""

from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from rest_framework.exceptions import AuthenticationFailed

from accounts.bearer import BearerAuthentication


async def user_id_of(request: HttpRequest) -> UUID | None:
    """Return who asks, None for a stranger or a token that does not hold."""
    if "Authorization" in request.headers:
        return await sync_to_async(_by_token)(request)
    user: Any = await request.auser()
    return user.pk if user.is_authenticated and user.is_active else None


def _by_token(request: HttpRequest) -> UUID | None:
    try:
        found: Any = BearerAuthentication().authenticate(request)
    except AuthenticationFailed:
        return None
    return None if found is None else found[0].pk
