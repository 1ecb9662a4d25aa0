"""The body of one request on its way in: counted, timed, and refused in the middle where it must be."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from django.conf import settings

from api.request_id import HEADER, sane_request_id
from media_pipeline.uploads.upload_handler import too_large as video_too_large

# A body may be slow for a while: phones in tunnels, and servers that are slow to read.
SLOW_START_SECONDS: Final = 30.0
# After a refusal the client may still be sending. Closing at once would reset the connection, and many clients would
# never see the response; so a little more is read and thrown away.
LINGER_SECONDS: Final = 1.0
LINGER_BYTES: Final = 4 * 1024 * 1024
SILENT: Final = "The request body stopped coming."
SLOW: Final = "The request body comes too slowly."

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class BodyRefused(Exception):
    """The request ends here, with this response."""

    def __init__(
        self, status: int, content: dict[str, Any] | None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status)
        self.status = status
        self.content = content
        self.headers = headers or {}


def too_large(allowed: int) -> BodyRefused:
    """Return the refusal of a body over `allowed` bytes."""
    return BodyRefused(413, {"detail": f"Request body exceeds {allowed} bytes."})


def too_large_video(_allowed: int) -> BodyRefused:
    """Return the refusal of a video over VIDEO_MAX_BYTES."""
    return BodyRefused(400, {"file": [video_too_large().detail]})


async def _no_more() -> bool:
    return False


class Body:
    """Receives and sends for one request."""

    def __init__(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        announced = headers.get(b"content-length", b"")
        self.announced_bytes = int(announced) if announced.isdigit() else None
        self.is_expected = bool(self.announced_bytes) or b"transfer-encoding" in headers
        self.is_multipart = headers.get(b"content-type", b"").strip().lower().startswith(b"multipart/")
        self.is_bounded_by_view = False
        self._request_id = headers.get(HEADER.lower().encode(), b"").decode("latin-1")
        self._receive, self._send = receive, send
        self._received_bytes = 0
        self._is_complete = not self.is_expected
        # Nothing more is awaited after the response.
        self._is_given_up = headers.get(b"expect", b"").lower() == b"100-continue"
        self._has_started_response = False
        self._started = time.monotonic()
        self.bound(settings.DATA_UPLOAD_MAX_MEMORY_SIZE, too_large)

    def bound(
        self,
        max_bytes: int,
        refusal: Callable[[int], BodyRefused],
        more_is_allowed: Callable[[], Awaitable[bool]] = _no_more,
    ) -> None:
        """Allow `max_bytes`; over these `more_is_allowed` is asked, which may set another bound."""
        self._max_bytes, self._refusal, self._more_is_allowed = max_bytes, refusal, more_is_allowed

    async def check_announced(self) -> None:
        """Raise BodyRefused where the announced length is over the bound."""
        await self._check(self.announced_bytes or 0)

    async def receive(self) -> Message:
        """Return the next message. Raises BodyRefused where the body is too large, too slow or silent."""
        if self._is_complete or self.is_bounded_by_view:
            return self._noted(await self._receive())
        if self._received_bytes == 0:
            await self.check_announced()
        seconds, reason = self._patience()
        try:
            message = self._noted(await asyncio.wait_for(self._receive(), seconds))
        except TimeoutError:
            self._is_given_up = True
            raise BodyRefused(408, {"detail": reason}) from None
        await self._check(self._received_bytes)
        return message

    async def send(self, message: Message) -> None:
        """Send on; a response that comes before the body's end closes the connection after it."""
        if message["type"] == "http.response.start":
            self._has_started_response = True
            if not self._is_complete:
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        elif (
            message["type"] == "http.response.body" and not message.get("more_body") and not self._is_complete
        ):
            await self._send({**message, "more_body": True})
            if not self._is_given_up:
                await self._linger()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    async def refuse(self, refusal: BodyRefused) -> None:
        """Answer with `refusal`; raise it where a response has begun, so that the server drops the connection."""
        if self._has_started_response:
            raise refusal
        content = b"" if refusal.content is None else json.dumps(refusal.content).encode()
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            HEADER: sane_request_id(self._request_id),
            **refusal.headers,
        }
        encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": refusal.status, "headers": encoded})
        await self.send({"type": "http.response.body", "body": content})

    async def _check(self, size: int) -> None:
        if size > self._max_bytes and not await self._more_is_allowed():
            raise self._refusal(self._max_bytes)
        if size > self._max_bytes:
            raise self._refusal(self._max_bytes)

    def _noted(self, message: Message) -> Message:
        self._received_bytes += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._is_complete = True
        return message

    def _patience(self) -> tuple[float, str]:
        """Return how long the next piece may take, and what is wrong where it takes longer."""
        silence = float(settings.UPLOAD_SILENCE_SECONDS)
        if not settings.BODY_MIN_BYTES_PER_SECOND:
            return silence, SILENT
        due = self._started + SLOW_START_SECONDS + self._received_bytes / settings.BODY_MIN_BYTES_PER_SECOND
        left = max(0.0, due - time.monotonic())
        return (silence, SILENT) if silence <= left else (left, SLOW)

    async def _linger(self) -> None:
        most = self._received_bytes + LINGER_BYTES
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while not self._is_complete and self._received_bytes < most:
                    self._noted(await self._receive())
        except TimeoutError:
            return
