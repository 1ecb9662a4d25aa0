"""Which requests reach Django; the attacks over real sockets are in tests/integration/test_request_guard.py."""

import json

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone
from knox.models import AuthToken

from accounts.models import User
from config.request_guard import RequestGuard
from media_pipeline.uploads.upload_handler import ENVELOPE_BYTES


def ask(*, path="/api/videos", method="POST", pieces=(), announced=None, **headers):
    """Return the response's status and body, and how many pieces were read."""
    waiting = list(pieces)
    sent = []

    async def receive():
        if not waiting:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    async def send(message):
        sent.append(message)

    async def inner(scope, receive, send):
        while (await receive()).get("more_body"):
            continue
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    headers = {"Content-Type": "multipart/form-data; boundary=x", **headers}
    encoded = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()]
    encoded += (
        [(b"content-length", str(announced).encode())] if announced else [(b"transfer-encoding", b"chunked")]
    )
    scope = {"type": "http", "method": method, "path": path, "headers": encoded, "query_string": b""}
    async_to_sync(RequestGuard(inner))(scope, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"] or b"null"), len(pieces) - len(waiting)


@pytest.fixture
def owner(transactional_db, settings):
    settings.VIDEO_MAX_BYTES = 1000
    user = User.objects.create_user("owner@example.org", "x", verified_at=timezone.now())
    return {"Authorization": f"Bearer {AuthToken.objects.create(user)[1]}"}


def test_what_is_announced_too_large_is_refused_unread(owner):
    status, body, _ = ask(announced=1001 + ENVELOPE_BYTES, pieces=[b"x"], **owner)

    assert status == 400
    assert body == {"file": ["The video is larger than the 1000 bytes allowed."]}


@pytest.mark.parametrize("path", ["/api/videos", "/api/videos/", "/videos/upload"])
def test_what_turns_out_too_large_is_refused_on_the_way(owner, path):
    status, _, _ = ask(path=path, pieces=[b"x" * ENVELOPE_BYTES] * 5, **owner)

    assert status == 400


def test_an_upload_within_the_limit_passes(owner):
    assert ask(pieces=[b"x" * 900, b""], **owner) == (202, {}, 2)


@pytest.mark.parametrize("path", ["/api/videos", "/videos/upload"])
def test_a_body_that_is_no_form_may_not_be_as_large_as_a_video(owner, settings, path):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 500

    assert ask(path=path, pieces=[b"x" * 600, b""], Content_Type="application/json", **owner)[0] == 413
    assert ask(path=path, pieces=[b"x" * 400, b""], Content_Type="application/json", **owner)[0] == 202


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "status"), [("/api/videos", 401), ("/videos/upload", 302)])
def test_a_stranger_s_upload_is_refused(path, status):
    assert ask(path=path, pieces=[b"x", b""])[0] == status


@pytest.mark.django_db
def test_a_stranger_s_small_body_passes():
    assert ask(path="/api/login", pieces=[b"{}"]) == (202, {}, 1)


def test_a_user_who_may_no_longer_log_in_is_a_stranger(owner):
    User.objects.update(is_active=False)

    assert ask(pieces=[b"x"], **owner)[0] == 401
