"""The limit before Django: too much is refused while it comes, all else passes untouched."""

import json

import pytest
from asgiref.sync import async_to_sync

from media_pipeline.upload_handler import ENVELOPE_BYTES
from media_pipeline.upload_limit import UploadLimit


def ask(*, path="/api/videos", method="POST", announced: int | None = None, pieces=()):
    """Return the answer's status and body, and how many pieces were read."""
    waiting = list(pieces)
    sent = []

    async def receive():
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    async def send(message):
        sent.append(message)

    async def inner(scope, receive, send):
        while (await receive())["more_body"]:
            continue
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    headers = [(b"x-request-id", b"mine")]
    if announced is not None:
        headers.append((b"content-length", str(announced).encode()))
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    async_to_sync(UploadLimit(inner))(scope, receive, send)
    assert sent[0]["status"] == 202 or (b"x-request-id", b"mine") in sent[0]["headers"]
    return sent[0]["status"], json.loads(sent[1]["body"]), len(pieces) - len(waiting)


@pytest.fixture(autouse=True)
def small_limit(settings):
    settings.VIDEO_MAX_BYTES = 1000


def test_what_is_announced_too_large_is_refused_unread():
    status, body, read = ask(announced=1001 + ENVELOPE_BYTES, pieces=[b"x"])

    assert (status, read) == (400, 0)
    assert body == {"file": ["The film is larger than the 1000 bytes allowed."]}


@pytest.mark.parametrize("path", ["/api/videos", "/api/videos/", "/videos/upload"])
def test_what_turns_out_too_large_is_refused_on_the_way(path):
    status, _, read = ask(path=path, pieces=[b"x" * ENVELOPE_BYTES] * 5)

    assert (status, read) == (400, 2)


@pytest.mark.parametrize(
    ("path", "method", "pieces"),
    [
        ("/api/videos", "POST", [b"x" * 900, b""]),
        ("/api/other", "POST", [b"x" * ENVELOPE_BYTES] * 3),
        ("/api/videos", "GET", [b""]),
    ],
)
def test_all_else_passes(path, method, pieces):
    assert ask(path=path, method=method, pieces=pieces) == (202, {}, len(pieces))
