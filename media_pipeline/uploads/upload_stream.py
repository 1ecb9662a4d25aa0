"""Stands before Django in the web process: lends the body of a resumable upload to its view, piece by piece.

Django's handler reads a whole body before any view runs, and drops it where the client goes away in the middle: a
line that breaks would lose exactly what resuming is there to keep.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

PATH: Final = "/api/uploads"
# Where the view finds what receives the body.
KEY: Final = "offstage.receive"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[..., Awaitable[None]]


class UploadStream:
    """An ASGI application around another, which sees no body below /api/uploads and finds it in the scope instead."""

    def __init__(self, inner: Application) -> None:
        self._inner = inner

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and f"{scope['path']}/".startswith(f"{PATH}/"):
            await self._inner({**scope, KEY: receive}, _nothing(), send)
        else:
            await self._inner(scope, receive, send)


def _nothing() -> Receive:
    """Return what receives an empty body, and then waits: it is for the view to see the client go away."""
    told = False

    async def nothing() -> Message:
        nonlocal told
        if told:
            await asyncio.Event().wait()
        told = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return nothing
