"""Stands before Django in the web process: no body is read that is too large, too slow, or not allowed to be sent.

Django's handler reads a whole body before any middleware or view runs, and writes a large one to disk.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings

from api import answers
from api.errors import RETRY_AFTER_SECONDS
from config.request_body import Body, BodyRefused, too_large, too_large_video
from media_pipeline.access import NotAllowed, sender_of
from media_pipeline.uploads import upload_stream
from media_pipeline.uploads.upload_handler import ENVELOPE_BYTES

log = structlog.get_logger(__name__)

VIDEO_API: Final = "/api/videos"
VIDEO_PAGE: Final = "/videos/upload"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
# Django types its messages more narrowly than the ASGI specification does.
Application = Callable[..., Awaitable[None]]


class RequestGuard:
    """An ASGI application around another, which sees only requests whose bodies are allowed."""

    def __init__(self, inner: Application) -> None:
        self._inner = inner
        self._uploads: Counter[UUID] = Counter()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        body = Body(scope, receive, send)
        try:
            async with self._admitted(scope, body):
                await self._inner(scope, body.receive, body.send)
        except BodyRefused as refusal:
            log.info("request_refused", status=refusal.status, method=scope["method"])
            await body.refuse(refusal)

    @asynccontextmanager
    async def _admitted(self, scope: Message, body: Body) -> AsyncIterator[None]:
        """Set the bounds of the body. Raises BodyRefused before its first byte where it may not come."""
        path = scope["path"].rstrip("/")
        if not body.is_expected:
            yield
        elif f"{path}/".startswith(f"{upload_stream.PATH}/"):
            # Its view reads the body itself, and has bounds and refusals of its own.
            body.is_bounded_by_view = True
            async with self._counted(await _sender(scope)):
                yield
        elif scope["method"] == "POST" and path in (VIDEO_API, VIDEO_PAGE) and body.is_multipart:
            sender = await _uploader(scope, path)
            body.bound(settings.VIDEO_MAX_BYTES + ENVELOPE_BYTES, too_large_video)
            async with self._counted(sender):
                yield
        else:
            await _bound_small(scope, body)
            yield

    @asynccontextmanager
    async def _counted(self, sender: UUID | None) -> AsyncIterator[None]:
        """Count an upload of `sender` while it runs; raise BodyRefused where that is one too many."""
        if sender is None:
            yield
            return
        if self._uploads[sender] >= settings.UPLOADS_AT_ONCE:
            detail = f"At most {settings.UPLOADS_AT_ONCE} uploads at once are allowed."
            raise BodyRefused(429, {"detail": detail}, {"Retry-After": "5"})
        self._uploads[sender] += 1
        try:
            yield
        finally:
            self._uploads[sender] -= 1
            if not self._uploads[sender]:
                del self._uploads[sender]


async def _sender(scope: Message) -> UUID | None:
    """Return whose request it is, None for a stranger: the view refuses, in the words of its protocol."""
    try:
        return await sender_of(scope)
    except NotAllowed:
        return None
    except answers.DATABASE_GONE as error:
        raise _database_gone() from error


async def _uploader(scope: Message, path: str) -> UUID:
    """Return who uploads. Raises BodyRefused for a stranger."""
    try:
        return await sender_of(scope)
    except answers.DATABASE_GONE as error:
        raise _database_gone() from error
    except NotAllowed as error:
        is_stranger = error.status == HTTPStatus.UNAUTHORIZED
        if is_stranger and path == VIDEO_PAGE:
            raise BodyRefused(302, None, {"Location": f"{settings.LOGIN_URL}?next={VIDEO_PAGE}"}) from error
        headers = {"WWW-Authenticate": "Bearer"} if is_stranger else {}
        raise BodyRefused(error.status, {"detail": error.detail}, headers) from error


def _database_gone() -> BodyRefused:
    return BodyRefused(503, {"detail": answers.REASONS[503]}, {"Retry-After": str(RETRY_AFTER_SECONDS)})


async def _bound_small(scope: Message, body: Body) -> None:
    """Bound a body that is no upload: the little that a stranger may send, more for a user."""
    anonymous = min(settings.ANONYMOUS_BODY_MAX_BYTES, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)

    async def more_is_allowed() -> bool:
        if await _sender(scope) is None:
            return False
        body.bound(settings.DATA_UPLOAD_MAX_MEMORY_SIZE, too_large)
        return True

    body.bound(anonymous, too_large, more_is_allowed)
    await body.check_announced()
