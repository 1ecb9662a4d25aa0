"""Lets pages of the origins in CORS_ALLOWED_ORIGINS use the API: uploads by tus, playback, everything below /api.

It stands before all else: a refusal without these headers looks like a lost connection to the page. Credentials are
never allowed, so a cookie is of no use to another origin; its pages send a bearer token. Source: the Fetch standard,
section 3.3 (CORS protocol).
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from django.conf import settings

from api.idempotency import REPLAYED
from api.request_id import HEADER as REQUEST_ID

PREFIX: Final = "/api/"
METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE"
#: What a page may read of a response besides the headers that every page may read.
EXPOSED: Final = (
    "Location",
    "Upload-Offset",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Expires",
    "Tus-Resumable",
    "Tus-Version",
    "Tus-Extension",
    "Tus-Max-Size",
    "Tus-Checksum-Algorithm",
    "Accept-Ranges",
    "Content-Range",
    "Content-Disposition",
    "Content-Length",
    "ETag",
    "Date",
    "Allow",
    "Retry-After",
    "WWW-Authenticate",
    REQUEST_ID,
    REPLAYED,
)
#: Seconds that a browser may remember a preflight; Chromium remembers none longer.
PREFLIGHT_SECONDS: Final = 7200

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[..., Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


class CrossOrigin:
    """An ASGI application around another, whose API it opens to the allowed origins."""

    def __init__(self, inner: Application) -> None:
        self._inner = inner

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a preflight; give every other response of the API the headers that its origin needs."""
        if not _concerns(scope):
            await self._inner(scope, receive, send)
            return
        sent = {name: value for name, value in scope["headers"] if name in _READ}
        allowed = _allowed(sent.get(b"origin", b""))
        if allowed and scope["method"] == "OPTIONS" and b"access-control-request-method" in sent:
            await _answer_preflight([*allowed, *_preflight(sent)], send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": _with(message.get("headers", ()), allowed)}
            await send(message)

        await self._inner(scope, receive, send_with_headers)


_READ: Final = (b"origin", b"access-control-request-method", b"access-control-request-headers")


def _concerns(scope: Message) -> bool:
    return bool(
        settings.CORS_ALLOWED_ORIGINS and scope["type"] == "http" and f"{scope['path']}/".startswith(PREFIX)
    )


def _allowed(origin: bytes) -> Headers:
    """Return the headers for `origin`, none for an origin that is not allowed."""
    if origin.decode("latin-1") not in settings.CORS_ALLOWED_ORIGINS:
        return []
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", ", ".join(EXPOSED).encode()),
    ]


def _preflight(sent: dict[bytes, bytes]) -> Headers:
    # Whatever header the page wants to send: libraries add their own (tracing, CMCD), and the token is what counts.
    wanted = sent.get(b"access-control-request-headers", b"")
    return [
        (b"access-control-allow-methods", METHODS.encode()),
        *([(b"access-control-allow-headers", wanted)] if wanted else []),
        (b"access-control-max-age", str(PREFLIGHT_SECONDS).encode()),
    ]


def _with(headers: Headers, allowed: Headers) -> Headers:
    """Return the response's headers with ours; caches are told that the response depends on the origin."""
    vary = [value for name, value in headers if name.lower() == b"vary"]
    others = [(name, value) for name, value in headers if name.lower() != b"vary"]
    return [*others, (b"vary", b", ".join([*vary, b"Origin"])), *allowed]


async def _answer_preflight(headers: Headers, send: Send) -> None:
    vary = b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
    await send(
        {"type": "http.response.start", "status": 204, "headers": [*headers, (b"vary", vary)]},
    )
    await send({"type": "http.response.body", "body": b""})
