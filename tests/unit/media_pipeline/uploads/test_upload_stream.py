"""What stands before Django: the body of a resumable upload waits for its view, all else passes untouched."""

import asyncio

import pytest
from asgiref.sync import async_to_sync

from media_pipeline.uploads.upload_stream import KEY, UploadStream


def ask(path, kind="http"):
    """Return the scope that the application within sees, the first message that it is told, and all of the outer."""
    seen = {}

    async def receive():
        return {"type": "http.request", "body": b"the body", "more_body": False}

    async def inner(scope, receive, send):
        seen["scope"], seen["message"] = scope, await receive()
        if KEY in scope:
            seen["lent"] = await scope[KEY]()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(receive(), 0.01)

    async_to_sync(UploadStream(inner))({"type": kind, "path": path}, receive, None)
    return seen


@pytest.mark.parametrize(
    "path", ["/api/uploads", "/api/uploads/", "/api/uploads/some-id", "/api/uploads/some-id/"]
)
def test_an_uploads_body_is_lent_to_its_view(path):
    seen = ask(path)

    assert seen["message"] == {"type": "http.request", "body": b"", "more_body": False}
    assert seen["lent"]["body"] == b"the body"


@pytest.mark.parametrize(
    ("path", "kind"), [("/api/videos", "http"), ("/api/uploadsmore", "http"), ("/api/uploads", "websocket")]
)
def test_all_else_passes(path, kind):
    seen = ask(path, kind)

    assert seen["message"]["body"] == b"the body"
    assert seen["scope"] == {"type": kind, "path": path}
