"""Stands before Django in the web process: refuses an upload that is too large while it comes.

Django's handler reads a whole body to disk before any view or upload handler runs, so a limit further in would be
asked only after the last byte.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings

from api.request_id import HEADER, sane_request_id
from media_pipeline.upload_handler import ENVELOPE_BYTES, too_large

_PATHS = frozenset({"/api/videos", "/videos/upload"})

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
# Django types its messages more narrowly than the ASGI specification does.
Application = Callable[..., Awaitable[None]]


class UploadLimit:
    """An ASGI application around another: uploads over VIDEO_MAX_BYTES get 400, all else passes."""

    def __init__(self, inner: Application) -> None:
        self._inner = inner

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"].rstrip("/") not in _PATHS:
            await self._inner(scope, receive, send)
            return
        allowed = settings.VIDEO_MAX_BYTES + ENVELOPE_BYTES
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > allowed:
            await _refuse(scope, send)
            return
        try:
            await self._inner(scope, _counted(receive, allowed), send)
        except _TooMuch:
            # Django reads the body first, so nothing was answered yet.
            await _refuse(scope, send)


class _TooMuch(Exception):
    """More bytes came than were announced or are allowed."""


def _counted(receive: Receive, allowed: int) -> Receive:
    left = allowed

    async def counted() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise _TooMuch
        return message

    return counted


async def _refuse(scope: Message, send: Send) -> None:
    body = json.dumps({"file": [too_large().detail]}).encode()
    # The rest of the body is not read: the connection cannot be used again.
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    headers.append((b"content-length", str(len(body)).encode()))
    asked = dict(scope["headers"]).get(HEADER.lower().encode(), b"").decode("latin-1")
    headers.append((HEADER.lower().encode(), sane_request_id(asked).encode()))
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    await send({"type": "http.response.body", "body": body})
