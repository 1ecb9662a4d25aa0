"""Attacks over raw sockets on a real web process: what a stranger may make it read, keep and wait for."""

import contextlib
import json
import os
import socket
import time
from pathlib import Path

import psutil
import pytest
from prometheus_client.exposition import generate_latest

from config.exporter.web import registry
from tests.eventually import eventually
from tests.harness.stack import Stack

pytestmark = pytest.mark.timeout(120)

MIB = 1024 * 1024
LIMITS = {
    "REQUEST_HEAD_SECONDS": "1",
    "UPLOAD_SILENCE_SECONDS": "1",
    "RESPONSE_SILENCE_SECONDS": "1",
    "UPLOADS_AT_ONCE": "2",
    "REQUESTS_PER_CONNECTION": "3",
    "VIDEO_MAX_BYTES": str(8 * MIB),
}
ROWS = """
from django.utils import timezone
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from knox.models import AuthToken
from accounts.models import User
from accounts.logins.sessions import SessionStore
owner = User.objects.create_user("owner@example.org", "correct horse battery", verified_at=timezone.now())
session = SessionStore()
session[SESSION_KEY], session[HASH_SESSION_KEY] = str(owner.pk), owner.get_session_auth_hash()
session[BACKEND_SESSION_KEY] = "accounts.backends.LockingBackend"
session.save()
print("ROWS", AuthToken.objects.create(owner)[1], session.session_key)
"""
EVERY_PATH = ["/api/login", "/healthz", "/static/web/style.css", "/nothing"]
UPLOADS = ["/api/videos", "/api/videos/", "/videos/upload", "/api/uploads"]


class Site:
    def __init__(self, folder) -> None:
        self.stack = Stack(folder, **LIMITS)
        made = self.stack.house.run("manage.py", "shell", "-c", ROWS).stdout
        token, session = made.rpartition("ROWS ")[2].split()
        self.token = f"Authorization: Bearer {token}\r\n"
        self.cookie = f"Cookie: offstage_session={session}\r\n"
        self.visitor = self.stack.start_web()

    def kept_bytes(self) -> int:
        """Return the size of what the web process has written of bodies, files without a name included."""
        folder = self.stack.house.data / "uploads"
        named = {path for path in folder.rglob("*") if path.is_file()}
        descriptors = Path(f"/proc/{self.stack.parts['web'].pid}/fd").iterdir()
        unnamed = {path for path in descriptors if str(_target(path)).startswith(f"{folder}/#")}
        return sum(path.stat().st_size for path in named | unnamed)

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", int(self.stack.house.variables["WEB_PORT"])), 10)
        connection.settimeout(10)
        return connection

    def send(self, text: str, body: bytes = b"") -> bytes:
        """Send a request and return all that comes back until the connection ends or falls silent."""
        with self.connect() as connection:
            # The server may refuse, and close, before it has read all of it.
            with contextlib.suppress(ConnectionError):
                connection.sendall(text.encode() + body)
            return read_all(connection)

    def pour(self, text: str, piece: bytes, most: int) -> tuple[bytes, int, int]:
        """Send pieces for as long as they are taken; return the response, bytes sent, and the most that was kept."""
        sent = kept = 0
        with self.connect() as connection:
            connection.sendall(text.encode())
            try:
                while sent < most:
                    connection.sendall(piece)
                    sent += len(piece)
                    kept = max(kept, self.kept_bytes())
            except OSError:
                pass
            return read_all(connection), sent, kept


def _target(path: Path) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115 (a name that is no path)
    except OSError:
        return ""


def read_all(connection: socket.socket) -> bytes:
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except OSError:
        pass
    return received


def status_of(response: bytes) -> int:
    return int(response.split(b" ", 2)[1]) if response else 0


MULTIPART = "Content-Type: multipart/form-data; boundary=x\r\n"


def head(method: str, path: str, *headers: str, length: int | None = None) -> str:
    size = "Transfer-Encoding: chunked\r\n" if length is None else f"Content-Length: {length}\r\n"
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{size}{''.join(headers)}\r\n"


def chunk(size: int) -> bytes:
    return b"%x\r\n" % size + b"x" * size + b"\r\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    built = Site(tmp_path_factory.mktemp("site"))
    yield built
    built.stack.close()


@pytest.mark.parametrize("path", EVERY_PATH)
def test_a_stranger_s_body_is_refused_by_its_announced_length(site, path):
    response, sent, kept = site.pour(head("POST", path, length=150 * MIB), b"x" * 65536, 150 * MIB)

    assert status_of(response) in (413, 0)  # 0: the client was still sending when the connection was closed
    assert sent < 32 * MIB
    assert kept == 0
    assert status_of(site.send(head("POST", path, length=150 * MIB))) == 413


@pytest.mark.parametrize("path", EVERY_PATH)
def test_a_stranger_s_body_of_unknown_length_is_refused_in_its_middle(site, path):
    response, sent, kept = site.pour(head("POST", path), chunk(65536), 150 * MIB)

    assert status_of(response) in (413, 0)
    assert sent < 32 * MIB
    assert kept == 0
    assert status_of(site.send(head("POST", path), chunk(65536) + chunk(65536))) == 413


@pytest.mark.parametrize("path", UPLOADS)
@pytest.mark.parametrize("length", [None, 100 * MIB])
def test_a_stranger_s_upload_is_refused_before_its_first_byte(site, path, length):
    response = site.send(head("POST", path, MULTIPART, length=length))

    assert status_of(response) in (
        (401, 302, 412) if "page" in path or "/videos/upload" in path else (401, 412)
    )
    assert site.kept_bytes() == 0


def test_a_stranger_who_asks_first_is_not_told_to_continue(site):
    response = site.send(head("POST", "/api/videos", MULTIPART, "Expect: 100-continue\r\n", length=MIB))

    assert response.startswith(b"HTTP/1.1 401 ")
    assert b"100 Continue" not in response


def test_a_user_who_asks_first_is_told_to_continue(site):
    with site.connect() as connection:
        connection.sendall(
            head("POST", "/api/videos", site.token, "Expect: 100-continue\r\n", length=2).encode()
        )

        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue")


def test_a_user_may_send_more_than_a_stranger(site):
    body = json.dumps({"name": "x" * 200_000}).encode()
    fields = ("Content-Type: application/json\r\n", site.token)

    assert status_of(site.send(head("POST", "/api/projects", *fields, length=len(body)), body)) == 400
    assert status_of(site.send(head("POST", "/api/projects", *fields, length=3 * MIB))) == 413


def test_a_token_that_does_not_hold_opens_nothing(site):
    fields = "Authorization: Bearer 0000000000000000\r\n"

    assert status_of(site.send(head("POST", "/api/videos", MULTIPART, fields, length=MIB))) == 401
    assert status_of(site.send(head("POST", "/api/login", fields, length=MIB))) == 413


def test_a_video_over_the_limit_is_refused_while_it_comes(site):
    fields = (MULTIPART, site.token)
    announced = site.send(head("POST", "/api/videos", *fields, length=20 * MIB))
    response, sent, kept = site.pour(head("POST", "/api/videos", *fields), chunk(65536), 150 * MIB)

    assert (status_of(announced), b'"file"' in announced) == (400, True)
    assert status_of(response) in (400, 0)
    assert sent < 48 * MIB
    assert kept <= 10 * MIB
    assert eventually(lambda: site.kept_bytes() == 0)


@pytest.mark.parametrize("origin", ["Origin: https://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n"])
def test_another_site_cannot_upload_with_a_user_s_cookie(site, origin):
    response = site.send(head("POST", "/api/videos", MULTIPART, site.cookie, origin, length=MIB))

    assert status_of(response) == 403


def test_a_cookie_without_its_token_is_refused_by_the_view(site):
    fields = ("Content-Type: application/json\r\n", site.cookie, "Origin: http://localhost\r\n")

    response = site.send(head("POST", "/api/videos", *fields, length=2), b"{}")

    assert status_of(response) == 403


def test_a_user_s_uploads_at_once_are_counted_and_forgotten(site):
    begin = head("POST", "/api/videos", MULTIPART, site.token, "Expect: 100-continue\r\n", length=MIB)
    first, second = site.connect(), site.connect()
    for connection in (first, second):
        connection.sendall(begin.encode())
        connection.recv(100)

    refused = status_of(site.send(begin))
    for connection in (first, second):
        connection.close()

    assert refused == 429
    one_byte = head("POST", "/api/videos", MULTIPART, site.token, length=1)
    assert eventually(lambda: status_of(site.send(one_byte, b"x")) != 429)


@pytest.mark.parametrize(
    ("beginning", "status"), [("", 0), ("GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ", 408)]
)
def test_a_head_that_never_ends_is_ended(site, beginning, status):
    began = time.monotonic()
    with site.connect() as connection:
        connection.sendall(beginning.encode())

        response = read_all(connection)

    assert status_of(response) == status
    assert 0.9 < time.monotonic() - began < 5


def test_a_head_that_comes_byte_by_byte_is_ended(site):
    began = time.monotonic()
    with site.connect() as connection:
        connection.settimeout(0.2)
        response = b""
        while not response and time.monotonic() - began < 8:
            try:
                connection.sendall(b"G" if time.monotonic() - began < 0.1 else b"E")
                response = connection.recv(100)
            except TimeoutError:
                continue
            except OSError:
                break

    assert time.monotonic() - began < 5


def test_the_head_of_a_second_request_is_timed_too(site):
    with site.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET ")

        response = read_all(connection)

    assert response.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in response


@pytest.mark.parametrize(
    "headers",
    [
        "X-A: a\r\n" * 20_000,
        "X-A: a\r\n" * 101,
        f"X-A: {'a' * 40_000}\r\n",
        f"Cookie: {'a' * 2_000_000}\r\n",
        f"{'a' * 40_000}: a\r\n",
    ],
    ids=["many", "few too many", "long", "very long", "long name"],
)
def test_a_large_head_is_refused(site, headers):
    assert status_of(site.send(f"GET / HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")) in (431, 0)
    assert site.visitor.get("/healthz").status_code == 200


def test_a_long_path_is_refused(site):
    assert status_of(site.send(f"GET /{'a' * 100_000} HTTP/1.1\r\nHost: localhost\r\n\r\n")) in (431, 0)


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (chunk(1) + b"0\r\n", b"X-A: aaaaaaaaaaaa\r\n" * 500),
        (b"1;", b"a" * 8192),
        (b"", b"1;aaaaaaaaaaaaaaaa\r\nx\r\n" * 1000),
    ],
    ids=["trailers", "one chunk extension", "chunk extensions"],
)
def test_what_surrounds_a_body_is_bounded(site, beginning, piece):
    response, sent, _ = site.pour(head("POST", "/api/login") + beginning.decode(), piece, 16 * MIB)

    assert status_of(response) in (400, 408, 413, 431, 0)
    assert sent < 8 * MIB


@pytest.mark.parametrize("path", ["/api/login", "/api/videos", "/videos/upload"])
def test_a_body_that_falls_silent_is_ended(site, path):
    began = time.monotonic()

    response = site.send(
        head("POST", path, site.token if "upload" not in path else site.cookie, length=1000), b"{"
    )

    assert status_of(response) == 408
    assert time.monotonic() - began < 6


def test_a_body_shorter_than_announced_ends_with_its_connection(site):
    with site.connect() as connection:
        connection.sendall(head("POST", "/api/login", length=1000).encode() + b"{}")
        connection.shutdown(socket.SHUT_WR)
        read_all(connection)

    assert site.visitor.get("/healthz").status_code == 200


def test_a_body_longer_than_announced_is_not_part_of_the_request(site):
    response = site.send(
        head("POST", "/healthz", length=1).replace("Connection: close\r\n", ""), b"xGARBAGE\r\n\r\n"
    )

    # One response or, where the rest is noticed before it, none; never a second one that is taken for another's.
    assert response.count(b"HTTP/1.1 ") <= 1
    assert b"GARBAGE" not in response


def test_a_connection_brings_only_so_many_requests(site):
    response = site.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 10)

    assert response.count(b"HTTP/1.1 200 ") == 3
    assert response.lower().count(b"connection: close") == 1


def test_a_client_cannot_choose_its_scheme_or_address(site):
    fields = ("Tus-Resumable: 1.0.0\r\nUpload-Length: 10\r\n", site.token)
    forged = "X-Forwarded-Proto: https\r\nX-Forwarded-For: 203.0.113.9\r\n"

    response = site.send(head("POST", "/api/uploads", *fields, forged, length=0))

    assert b"location: http://localhost/" in response.lower()
    page = site.visitor.get("/", headers={"X-Forwarded-For": "127.0.0.1"})
    assert "/mailbox" not in page.text


def test_no_response_names_the_server(site):
    for response in (site.send(head("GET", "/healthz", length=0)), site.send("nonsense\r\n\r\n")):
        assert b"\r\nserver:" not in response.lower()
        assert b"uvicorn" not in response.lower()


# More than the system keeps for a client that does not read.
REQUESTS = 12


def test_a_response_that_nobody_reads_is_given_up(site):
    path = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
    length = int(site.visitor.head(path, headers={"Accept-Encoding": "identity"}).headers["Content-Length"])
    web = psutil.Process(site.stack.parts["web"].pid)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", int(site.stack.house.variables["WEB_PORT"])))
        own = connection.getsockname()
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * REQUESTS)

        eventually(lambda: own not in [tuple(each.raddr) for each in web.net_connections("tcp")], 8)

        assert len(read_all(connection)) < REQUESTS * length


def test_metrics_are_kept_for_the_exporter_and_not_on_the_public_port(site):
    site.visitor.get("/healthz")

    shown = generate_latest(registry(site.stack.house.data)).decode()

    assert "django_http_requests_total_by_method_total{" in shown
    assert site.visitor.get("/metrics").status_code == 404
    assert site.visitor.get("/metrics/web").status_code == 404
