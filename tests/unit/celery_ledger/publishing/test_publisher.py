"""Wake-ups in the real broker."""

import json
import socket
import time
from base64 import b64decode
from urllib.parse import unquote

import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped]  # no stubs
from celery import current_app
from kombu import Connection

from celery_ledger.asking.policy import MAX_HEADERS_BYTES
from celery_ledger.ledger.rows import Published
from celery_ledger.publishing.publisher import BrokerAway, Publisher, _is_refusal
from tests.integration.stage import Broker, broker_of_this_process

QUEUE = "reports"


@pytest.fixture
def queue():
    """The messages of a queue, as the broker has them."""
    with Connection(current_app.conf.broker_url) as broker:
        client = broker.default_channel.client
        client.delete(QUEUE)
        yield lambda: [json.loads(text) for text in reversed(client.lrange(QUEUE, 0, -1))]
        client.delete(QUEUE)


@pytest.fixture
def publisher():
    publisher = Publisher(current_app._get_current_object())
    yield publisher
    publisher.close()


@pytest.fixture
def refusing():
    """The address of a broker that is not there."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"redis://127.0.0.1:{bound.getsockname()[1]}/0"


def published(job_id, attempts=0, **headers):
    return Published(job_id, "test.note", QUEUE, {"id": job_id, "task": "test.note", **headers}, attempts)


def test_a_wake_up_is_an_id_without_arguments(queue, publisher):
    publisher.publish([published("a", attempts=2, trace="t-1"), published("b")])

    first, second = queue()
    headers = first["headers"]
    assert (headers["id"], headers["task"], headers["trace"], headers["retries"]) == (
        "a",
        "test.note",
        "t-1",
        2,
    )
    assert second["headers"]["id"] == "b"
    assert json.loads(b64decode(first["body"]))[:2] == [[], {}]
    assert first["properties"]["correlation_id"] == "a"


def test_a_batch_for_valkey_is_one_pipeline(queue, publisher):
    publisher.publish([published("opens the connection")])
    client = publisher._connection.default_channel.client
    before = client.info("stats")["total_reads_processed"]

    publisher.publish([published(str(number)) for number in range(100)])

    # Message by message it would be 100; a pipeline is read in pieces of a buffer's size.
    assert client.info("stats")["total_reads_processed"] - before < 50
    assert len(queue()) == 101


def test_a_broker_that_is_away_names_what_it_did_not_take(refusing):
    with broker_of_this_process(refusing):
        publisher = Publisher(current_app._get_current_object())
        with pytest.raises(BrokerAway) as away:
            publisher.publish([published("a"), published("b")])

    assert away.value.untaken == ["a", "b"]
    assert str(away.value)


@pytest.mark.timeout(30)
def test_a_publish_to_a_frozen_broker_ends_in_seconds(tmp_path):
    broker = Broker(tmp_path)
    broker.start()
    with broker_of_this_process(broker.url):
        publisher = Publisher(current_app._get_current_object())
        publisher.publish([published("before")])
        broker.freeze()

        started_at = time.monotonic()
        with pytest.raises(BrokerAway):
            publisher.publish([published("into the void")])

        assert time.monotonic() - started_at < 10
        publisher.close()
    broker.kill()


def test_a_connection_that_broke_is_opened_anew(queue, publisher):
    publisher.publish([published("a")])
    publisher._connection.default_channel.client.connection_pool.disconnect()
    publisher.close()

    publisher.publish([published("b")])

    assert [message["headers"]["id"] for message in queue()] == ["a", "b"]
    assert unquote(current_app.conf.broker_url)


def test_a_message_that_is_too_large_is_refused_and_stops_no_other(queue, publisher):
    large = published("b", note="x" * MAX_HEADERS_BYTES)

    refused = publisher.publish([published("a"), large, published("c")])

    assert [message.id for message in refused] == ["b"]
    assert "32768 at most" in refused[0].reason
    assert [message["headers"]["id"] for message in queue()] == ["a", "c"]


def test_a_refused_message_is_tried_again_with_the_others_where_the_broker_goes_away(refusing):
    with broker_of_this_process(refusing):
        publisher = Publisher(current_app._get_current_object())
        with pytest.raises(BrokerAway) as away:
            publisher.publish([published("a", note="x" * MAX_HEADERS_BYTES), published("b")])

    assert away.value.untaken == ["a", "b"]


@pytest.mark.parametrize(
    ("code", "is_refusal"),
    [("InvalidParameterValue", True), ("InvalidMessageContents", True), ("Throttling", False)],
)
def test_only_some_errors_of_sqs_are_about_the_message(code, is_refusal):
    assert _is_refusal(ClientError({"Error": {"Code": code}}, "SendMessage")) == is_refusal
