"""The body of one request: counted, timed, refused in its middle; the response goes out either way."""

import asyncio
import json

import pytest
from asgiref.sync import async_to_sync

from config import request_body
from config.request_body import Body, BodyRefused, too_large


class Exchange:
    """A body that comes in `pieces`, then falls silent; what is sent is kept."""

    def __init__(self, *pieces: bytes, **headers: str) -> None:
        self.waiting = list(pieces)
        self.sent: list = []
        encoded = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        self.body = Body({"type": "http", "headers": encoded}, self.receive, self.send)

    async def receive(self):
        if not self.waiting:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": self.waiting.pop(0), "more_body": True}

    async def send(self, message):
        self.sent.append(message)

    def refusal(self, messages=1):
        """Return the refusal within so many messages."""

        async def read():
            for _ in range(messages):
                await self.body.receive()

        with pytest.raises(BodyRefused) as refused:
            async_to_sync(read)()
        return refused.value


@pytest.fixture(autouse=True)
def limits(settings):
    settings.UPLOAD_SILENCE_SECONDS = 0.05
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000


def test_an_announced_length_is_refused_before_anything_is_read():
    exchange = Exchange(b"x", content_length="1001")

    assert exchange.refusal().status == 413
    assert exchange.waiting == [b"x"]


def test_a_length_that_was_not_announced_is_refused_once_it_is_too_much():
    exchange = Exchange(b"x" * 600, b"x" * 600, b"x", transfer_encoding="chunked")

    assert exchange.refusal(2).content == {"detail": "Request body exceeds 1000 bytes."}
    assert exchange.waiting == [b"x"]


def test_a_silent_body_is_refused():
    exchange = Exchange(b"x", content_length="10")

    assert exchange.refusal(2).content == {"detail": "The request body stopped coming."}


def test_a_body_that_keeps_dripping_is_refused(settings):
    settings.BODY_MIN_BYTES_PER_SECOND = 500
    exchange = Exchange(*[b"x"] * 9, content_length="10")
    exchange.body._started -= request_body.SLOW_START_SECONDS + 1

    assert exchange.refusal(9).content == {"detail": "The request body comes too slowly."}


def test_a_fast_body_may_take_long(settings):
    settings.BODY_MIN_BYTES_PER_SECOND = 1
    exchange = Exchange(b"x" * 400, b"x", content_length="901")
    exchange.body._started -= request_body.SLOW_START_SECONDS + 100
    exchange.body._received_bytes = 500

    assert len(async_to_sync(exchange.body.receive)()["body"]) == 400


def test_more_is_read_where_it_turns_out_to_be_allowed():
    exchange = Exchange(b"x" * 600, b"", content_length="600")

    async def allow():
        exchange.body.bound(1000, too_large)
        return True

    exchange.body.bound(100, too_large, allow)

    assert len(async_to_sync(exchange.body.receive)()["body"]) == 600


@pytest.mark.timeout(10)
def test_a_refusal_is_sent_whole_before_the_rest_is_read_and_thrown_away():
    exchange = Exchange(*[b"x" * 900] * 3, content_length="5000", x_request_id="mine")

    async_to_sync(exchange.body.refuse)(BodyRefused(413, {"detail": "why"}))

    start, content, end = exchange.sent
    assert start["status"] == 413
    assert (b"connection", b"close") in start["headers"]
    assert (b"x-request-id", b"mine") in start["headers"]
    assert (json.loads(content["body"]), content["more_body"]) == ({"detail": "why"}, True)
    assert (end["body"], end.get("more_body", False)) == (b"", False)
    assert exchange.waiting == []


def test_a_response_that_has_begun_is_not_followed_by_a_second():
    exchange = Exchange(content_length="5000")
    async_to_sync(exchange.body.send)({"type": "http.response.start", "status": 200, "headers": []})

    with pytest.raises(BodyRefused):
        async_to_sync(exchange.body.refuse)(BodyRefused(413, {"detail": "why"}))

    assert len(exchange.sent) == 1


def test_a_request_without_a_body_is_not_timed_and_its_connection_is_kept():
    exchange = Exchange()

    async_to_sync(exchange.body.send)({"type": "http.response.start", "status": 200, "headers": []})
    async_to_sync(exchange.body.send)({"type": "http.response.body", "body": b"x"})

    assert exchange.sent[0]["headers"] == []
    assert len(exchange.sent) == 2
