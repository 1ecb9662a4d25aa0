"""Files over HTTP with ranges: a player seeks, a download resumes, a cache asks again.

Django's FileResponse knows no Range, and under ASGI it reads the whole file into memory.
"""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import quote

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import http_date, parse_http_date_safe

PIECE_BYTES = 256 * 1024
ASKED_EVERY_SECONDS = 2.0
"""How often a download asks whether it may go on."""
StillAllowed = Callable[[], Awaitable[bool]]
# Python refuses to read a number of more than 4300 digits.
BYTE_RANGE = re.compile(r"bytes=\s*(\d{0,999})-(\d{0,999})\s*", re.ASCII)
CONTENT_TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mpd": "application/dash+xml",
    ".m4s": "video/iso.segment",
    ".mp4": "video/mp4",
    ".m4a": "audio/mp4",
    ".vtt": "text/vtt; charset=utf-8",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".html": "text/html; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".pdf": "application/pdf",
    ".zip": "application/zip",
}


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a file, from the first to before the end."""

    first: int
    end: int

    @property
    def length_bytes(self) -> int:
        """Return how many bytes it is."""
        return self.end - self.first


async def serve_file(  # noqa: PLR0913 - a file, and how it may be seen
    request: HttpRequest,
    path: Path,
    content_type: str | None = None,
    *,
    save_as: str | None = None,
    within: Span | None = None,
    still_allowed: StillAllowed | None = None,
) -> HttpResponseBase:
    """Return the file as the request asks for it: 200, 206, 304, 412 or 416; raises Http404 where there is none.

    The caller has checked that `path` may be seen. `save_as` makes a browser store it under that name. `within` are the
    bytes of the file that are served as the whole. Sent in pieces, so that memory does not grow with the file. Where
    `still_allowed` is given it is asked every two seconds, and the response is cut off once it says no. Source: RFC
    9110, sections 13 and 14.
    """
    try:
        file = await asyncio.to_thread(path.open, "rb")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise Http404 from None
    facts = os.fstat(file.fileno())
    whole = within or Span(0, facts.st_size)
    part = f"-{whole.first:x}-{whole.end:x}" if within else ""
    etag = f'"{facts.st_mtime_ns:x}-{facts.st_size:x}{part}"'
    headers = _headers(etag, int(facts.st_mtime), save_as)
    early = get_conditional_response(request, etag, int(facts.st_mtime), None)
    if early is not None:
        file.close()
        for name in ("ETag", "Last-Modified", "Cache-Control"):
            early.headers[name] = headers[name]
        return early
    asked = _asked_range(request, etag, int(facts.st_mtime), whole.length_bytes)
    if asked == "unsatisfiable":
        file.close()
        return HttpResponse(status=416, headers={**headers, "Content-Range": f"bytes */{whole.length_bytes}"})
    span = asked or Span(0, whole.length_bytes)
    if asked:
        headers["Content-Range"] = f"bytes {span.first}-{span.end - 1}/{whole.length_bytes}"
    headers["Content-Length"] = str(span.length_bytes)
    headers["Content-Type"] = content_type or content_type_of(path)
    status = 206 if asked else 200
    if request.method == "HEAD":
        file.close()
        return HttpResponse(status=status, headers=headers)
    sent = Span(whole.first + span.first, whole.first + span.end)
    return StreamingHttpResponse(Pieces(file, sent, still_allowed), status=status, headers=headers)


def content_type_of(path: Path) -> str:
    """Return the media type by the file's ending; unknown endings are plain bytes."""
    return CONTENT_TYPES.get(path.suffix.lower(), "application/octet-stream")


def parse_range(header: str, size: int) -> Span | Literal["unsatisfiable"] | None:
    """Return the bytes that a Range header names; None where it is to be ignored (malformed, or several ranges)."""
    match = BYTE_RANGE.fullmatch(header)
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        wanted = min(int(last), size)
        return Span(size - wanted, size) if wanted else "unsatisfiable"
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        return "unsatisfiable"
    return Span(int(first), min(int(last) + 1, size) if last else size)


def _asked_range(
    request: HttpRequest, etag: str, modified: int, size: int
) -> Span | Literal["unsatisfiable"] | None:
    header = request.headers.get("Range")
    if header is None or request.method != "GET":  # RFC 9110, 14.2: Range means something for GET only
        return None
    if_range = request.headers.get("If-Range")
    if if_range is not None and if_range != etag and parse_http_date_safe(if_range) != modified:
        return None  # the client's half is of another version: it gets the whole new one
    return parse_range(header, size)


def _headers(etag: str, modified: int, save_as: str | None) -> dict[str, str]:
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Last-Modified": http_date(modified),
        # The owner's alone: no shared cache may keep it, the browser asks again and gets 304.
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    if save_as is not None:
        headers["Content-Disposition"] = _attachment(save_as)
    return headers


def _attachment(name: str) -> str:
    """Return the header that stores a file as `name`, in ASCII too for clients without RFC 8187 (curl -J)."""
    plain = "".join(c if " " <= c <= "~" and c not in '"\\%' else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


class Pieces:
    """The bytes of a span, read as they are wanted. Django closes it with the answer, were it never read."""

    def __init__(self, file: BinaryIO, span: Span, still_allowed: StillAllowed | None = None) -> None:
        self._file = file
        self._span = span
        self._still_allowed = still_allowed
        self._asked_at = time.monotonic()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the span in pieces; a file that was cut off under us ends it early, and Content-Length tells."""
        await asyncio.to_thread(self._file.seek, self._span.first)
        left = self._span.length_bytes
        while (
            left > 0
            and await self._is_allowed()
            and (piece := await asyncio.to_thread(self._file.read, min(PIECE_BYTES, left)))
        ):
            left -= len(piece)
            yield piece

    async def _is_allowed(self) -> bool:
        if self._still_allowed is None or time.monotonic() - self._asked_at < ASKED_EVERY_SECONDS:
            return True
        self._asked_at = time.monotonic()
        return await self._still_allowed()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
