"""uvicorn's HTTP protocol with bounds on the head of a request; the body has its own in `config/request_guard.py`.

An ASGI application is called once a head is complete. How long that takes and how large it grows is for the protocol:
uvicorn has no such limits for httptools, and its keep-alive timeout ends with the first byte.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from config.env import Requests

# Chunk sizes, chunk extensions and trailers beside a body, as a multiple of it: chunks of one byte bring five.
OVERHEAD_PER_BODY_BYTE = 8
REASONS = {
    408: (b"408 Request Timeout", b"The request took too long."),
    431: (b"431 Request Header Fields Too Large", b"The request head is too large."),
}


def bounded_protocol(limits: Requests) -> type[asyncio.Protocol]:
    """Return the protocol class with `limits`; uvicorn makes one instance for each connection."""
    return type("LimitedProtocol", (BoundedProtocol,), {"limits": limits})


class BoundedProtocol(HttpToolsProtocol):
    """Ends connections whose heads are too slow, too large or too many."""

    limits: Requests
    _headers: int
    _header_bytes: int
    # What came for the present message and is not its body.
    _overhead_bytes: int

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Expect the first head within the time for one."""
        super().connection_made(transport)
        self._requests = 0
        self._has_begun = self._has_refused = False
        self._timer: asyncio.TimerHandle | None = None
        self._reader_timer: asyncio.TimerHandle | None = None
        self._begin_head()
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._stop_timer()
        self._stop_reader_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Give the client its time to read some of the response."""
        super().pause_writing()
        self._stop_reader_timer()
        self._reader_timer = self.loop.call_later(self.limits.response_silence_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop that time: the client reads."""
        self._stop_reader_timer()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless the request was refused."""
        if self._has_refused:
            return
        self._has_begun = True
        self._overhead_bytes += len(data)
        super().data_received(data)
        if self._overhead_bytes > self.limits.head_max_bytes and not self.transport.is_closing():
            self._refuse(431)

    def on_message_begin(self) -> None:
        """Begin to count and to time a head."""
        super().on_message_begin()
        self._begin_head()
        self._start_timer()

    def on_url(self, url: bytes) -> None:
        """Count the request line."""
        self._header_bytes += len(url)
        if self._header_bytes > self.limits.head_max_bytes:
            self._refuse(431)
        if not self._has_refused:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header or a trailer."""
        self._headers += 1
        self._header_bytes += len(name) + len(value)
        if self._headers > self.limits.max_headers or self._header_bytes > self.limits.head_max_bytes:
            self._refuse(431)
        if not self._has_refused:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop the time; the last request that a connection may bring is told so."""
        self._stop_timer()
        if self._has_refused or self._requests >= self.limits.per_connection:
            return
        self._requests += 1
        super().on_headers_complete()
        if self._requests == self.limits.per_connection and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Let a body pay for what surrounds it."""
        self._overhead_bytes = max(0, self._overhead_bytes - len(body) * (1 + OVERHEAD_PER_BODY_BYTE))
        if not self._is_ignored():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Begin to count anew: what follows belongs to the next request."""
        self._overhead_bytes = 0
        if not self._is_ignored():
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what does not parse, unless something was answered already."""
        self._stop_timer()
        response_has_begun = self.cycle is not None and not self.cycle.response_complete
        if response_has_begun or self._has_refused:
            self.transport.close()
        else:
            super().send_400_response(msg)

    def _begin_head(self) -> None:
        self._headers = self._header_bytes = self._overhead_bytes = 0

    def _is_ignored(self) -> bool:
        """Return whether the present message was refused, or is one too many for this connection."""
        return self._has_refused or self.cycle is None

    def _start_timer(self) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(self.limits.head_seconds, self._refuse, 408)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_reader_timer(self) -> None:
        if self._reader_timer is not None:
            self._reader_timer.cancel()
            self._reader_timer = None

    def _refuse(self, status: int) -> None:
        self._stop_timer()
        if self._has_refused or self.transport.is_closing():
            return
        self._has_refused = True
        is_answering = self.cycle is not None and not self.cycle.response_complete
        # Browsers open connections in advance; one that was not used is closed without a word.
        if self._has_begun and not is_answering:
            line, reason = REASONS[status]
            head = (
                b"HTTP/1.1 %b\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
                b"connection: close\r\n\r\n"
            )
            self.transport.write(head % (line, len(reason)) + reason)
        self.transport.close()
