"""Each repair, and beside it the defect: where a test named `..._still_...` fails, kombu has mended it."""

import socket
from io import BytesIO
from types import SimpleNamespace

import boto3  # type: ignore[import-untyped]  # no stubs
import pycurl  # type: ignore[import-untyped]  # no stubs
import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped]  # no stubs
from kombu import Connection
from kombu.asynchronous import Hub, get_event_loop, set_event_loop
from kombu.asynchronous.aws.sqs.connection import AsyncSQSConnection
from kombu.asynchronous.http import curl as http
from kombu.asynchronous.http import get_client
from kombu.transport import SQS, TRANSPORT_ALIASES, resolve_transport

from celery_ledger.transports import brokers, sqs_reconnect
from celery_ledger.transports.sqs_reconnect import (
    QuietCurlClient,
    ReconnectingSQSConnection,
    ReconnectingTransport,
    SqsAway,
)
from tests.upstream import mended, still_raises

# What kombu calls in curl, not what is tested.
pytestmark = [
    pytest.mark.filterwarnings("ignore:socket_all is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:IOCTLFUNCTION is deprecated:DeprecationWarning"),
]


@pytest.fixture
def hub():
    """An event loop as a worker has it."""
    former = get_event_loop()
    hub = Hub()
    set_event_loop(hub)
    yield hub
    hub.close()
    set_event_loop(former)


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(SQS, "AsyncSQSConnection", SQS.AsyncSQSConnection)
    monkeypatch.setattr(http, "CurlClient", http.CurlClient)
    monkeypatch.setitem(TRANSPORT_ALIASES, "sqs", TRANSPORT_ALIASES["sqs"])
    brokers.repair("sqs://x:y@127.0.0.1:1//")


def connection_for_polls(kind, port=1):
    client = boto3.client(
        "sqs",
        region_name="us-east-1",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="x",
        aws_secret_access_key="y",
    )
    return kind(sqs_connection=client, region="us-east-1")


def answer(kind, status):
    """Let a poll be answered with this status."""
    response = SimpleNamespace(status=status, reason="for a test", read=lambda: b"", response=None)
    return connection_for_polls(kind)._on_list_ready(None, [], "ReceiveMessage", response)


@pytest.mark.parametrize("status", [599, 503, 500, 400, 403])
def test_a_poll_that_fails_is_an_error_of_the_connection(hub, status):
    with pytest.raises(ReconnectingTransport.connection_errors, match=f"{status} for a test"):
        answer(ReconnectingSQSConnection, status)


def test_kombu_still_takes_an_endpoint_that_is_away_for_an_answer(hub):
    away = answer(AsyncSQSConnection, 599)

    with still_raises(AttributeError, package="kombu", remedy="ReconnectingSQSConnection._on_list_ready"):
        SQS.Channel._on_messages_ready(None, "http://127.0.0.1:1/1/mail", "mail", away)


def test_kombu_still_raises_what_no_worker_survives(hub):
    with pytest.raises(Exception, match="400") as failure:
        answer(AsyncSQSConnection, 400)

    is_answered = isinstance(failure.value, SQS.Transport.connection_errors)
    assert not is_answered, mended("kombu", "ReconnectingSQSConnection._on_list_ready")


def test_the_synchronous_calls_refusals_are_errors_of_the_connection():
    assert issubclass(ClientError, ReconnectingTransport.connection_errors)


def test_kombu_still_does_not_count_a_refusal_of_sqs_among_them():
    counts = issubclass(ClientError, SQS.Transport.connection_errors)

    assert not counts, mended("kombu", "ReconnectingTransport.connection_errors")


def test_a_poll_that_is_never_answered_ends(hub, monkeypatch):
    monkeypatch.setattr(sqs_reconnect, "POLL_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        polls = connection_for_polls(ReconnectingSQSConnection, silent.getsockname()[1])
        polls.receive_message("mail", "http://127.0.0.1:1/1/mail", wait_time_seconds=20)
        hub.propagate_errors = ReconnectingTransport.connection_errors

        with pytest.raises(SqsAway, match="timed out"):
            hub.run_forever()


def test_kombu_still_sets_no_limit_to_a_poll(hub):
    options = []
    curl = SimpleNamespace(
        setopt=lambda option, _value: options.append(option), unsetopt=lambda _option: None
    )
    request = http.CurlClient.Request("http://127.0.0.1:1", request_timeout=1)

    get_client()._setup_request(curl, request, BytesIO(), {})

    limits = {pycurl.TIMEOUT, pycurl.TIMEOUT_MS} & {*options}
    assert not limits, mended("kombu", "LimitedHTTPSConnection")


def test_a_channel_polls_in_the_workers_loop_after_it_was_reset(hub):
    hub.reset()
    transport = ReconnectingTransport(Connection("sqs://x:y@127.0.0.1:1//"))
    channel = SimpleNamespace(hub=get_event_loop())
    transport.channels.append(channel)

    transport.register_with_event_loop(transport, hub)

    assert channel.hub is get_event_loop() is hub


def test_kombu_still_forgets_its_loop_when_that_is_reset(hub):
    hub.reset()

    assert get_event_loop() is None, mended("kombu", "ReconnectingTransport.register_with_event_loop")


def test_a_closed_client_is_deaf_to_its_timers(hub):
    client = QuietCurlClient(hub)

    client.close()

    client._timeout_check()


def test_kombu_still_asks_a_closed_client_for_its_time(hub):
    client = QuietCurlClient.__base__(hub)

    client.close()

    with still_raises(pycurl.error, package="kombu", remedy="QuietCurlClient"):
        client._timeout_check()


def test_it_is_installed_for_sqs(installed):
    assert SQS.AsyncSQSConnection is ReconnectingSQSConnection
    assert http.CurlClient is QuietCurlClient
    assert resolve_transport("sqs") is ReconnectingTransport


def test_a_call_to_sqs_outlasts_a_long_poll_and_no_more():
    options = brokers.transport_options("sqs://")

    assert options["wait_time_seconds"] < options["client-config"]["read_timeout"] <= 30
    assert options["wait_time_seconds"] < sqs_reconnect.POLL_SECONDS
