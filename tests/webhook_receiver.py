"""A receiver of webhooks on this machine, which misbehaves on request."""

import threading
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook

PIECE_BYTES = 64 * 1024
DRIPS = 100
DRIP_SECONDS = 0.05


@dataclass(frozen=True)
class Post:
    """One request as it came; names of headers in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def read_with(self, secret: str):
        """Return the body as JSON; the library that receivers use raises where the signature is not the secret's."""
        return Webhook(secret).verify(self.body, self.headers)


class Receiver:
    """Answers every post with `status`, `headers` and `body`.

    Where it `hangs`, it answers nothing at all; where it `drips`, its answer goes on, a byte at a time.
    """

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b""
        self.hangs = False
        self.drips = False
        self.posts: list[Post] = []
        self.sent_bytes = 0
        self.over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler_of(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            names = {name.lower(): value for name, value in self.headers.items()}
            hangs = receiver.hangs
            receiver.posts.append(Post(self.path, names, self.rfile.read(int(names["content-length"]))))
            if hangs:
                receiver.over.wait()
                return
            with suppress(ConnectionError):  # who wants the status alone hangs up on the rest
                self._answer()

        def _answer(self) -> None:
            self.send_response(receiver.status)
            for name, value in {"Content-Length": str(len(receiver.body)), **receiver.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            for start in range(0, len(receiver.body), PIECE_BYTES):
                receiver.sent_bytes += self.connection.send(receiver.body[start : start + PIECE_BYTES])
            for _ in range(DRIPS if receiver.drips else 0):
                receiver.over.wait(DRIP_SECONDS)
                self.connection.send(b".")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    return Handler
