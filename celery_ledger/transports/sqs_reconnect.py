"""A repair of kombu's SQS transport: a worker whose SQS is away must reconnect, not die or go deaf.

Defects (kombu 5.7.0, celery 5.7.0, pycurl 7.49.0), all in the worker's asynchronous polls:
- An endpoint that refuses or answers 50x counts as `[]`, which the channel then asks for its messages as if it were an
  answer: `AttributeError: 'list' object has no attribute 'get'`. From the event loop that ends the worker with 1;
  from one of its timers it is only logged, and the queue is never polled again.
- Any other refusal, such as that of a queue that was deleted, is a bare `Exception`, which ends the worker.
- The time-out of a poll is set on the request and never handed to curl: behind a connection that was cut without
  a word the queue is never polled again.
- botocore's ClientError, with which the synchronous calls tell of a 50x or an expired token, is no connection error.
- Where Celery does connect anew, it resets its event loop, which is no longer the current one then; the new channel
  finds none, and its queues are never polled.
- The HTTP client that was closed by this reset still has timers: an error in the log at each reconnect.

Repair: all failures are errors of the connection, which Celery answers by connecting anew, as with other brokers; the
new connection polls, and makes the queues that are missing.
"""

from typing import Any

import pycurl  # type: ignore[import-untyped]  # no stubs
from botocore.exceptions import ClientError  # type: ignore[import-untyped]  # no stubs
from kombu.asynchronous import set_event_loop
from kombu.asynchronous.aws.connection import AsyncHTTPSConnection
from kombu.asynchronous.aws.sqs.connection import AsyncSQSConnection
from kombu.asynchronous.http import curl as http
from kombu.transport import SQS, TRANSPORT_ALIASES

CONNECT_SECONDS = 5
#: Longer than the longest poll that SQS offers, which is 20 s.
POLL_SECONDS = 25


class SqsAway(ConnectionError):
    """SQS did not answer a poll, or refused it."""


class LimitedHTTPSConnection(AsyncHTTPSConnection):
    """kombu's HTTP connection, its time limits handed to curl."""

    def getrequest(self) -> Any:
        """Return the request as curl is to make it."""
        request = super().getrequest()
        request.on_prepare = _limit
        return request


class ReconnectingSQSConnection(AsyncSQSConnection):
    """kombu's connection for polls, except that a poll which fails raises what Celery reconnects after."""

    def get_http_connection(self) -> LimitedHTTPSConnection:
        """Return a connection that gives up in time."""
        return LimitedHTTPSConnection(http_client=self._httpclient)

    def _on_list_ready(self, parent: Any, markers: Any, operation: str, response: Any) -> Any:
        if response.status != self.STATUS_CODE_OK:
            raise SqsAway(f"{operation}: {response.status} {response.reason}")
        return super()._on_list_ready(parent, markers, operation, response)  # type: ignore[misc]  # not in celery-types


class ReconnectingTransport(SQS.Transport):
    """kombu's transport, with every failure of SQS an error of the connection, and polling again after one."""

    connection_errors = (*SQS.Transport.connection_errors, ClientError)

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Have `loop` poll for the channels of this transport."""
        set_event_loop(loop)
        channels: list[Any] = self.channels or []
        for channel in channels:
            channel.hub = loop


class QuietCurlClient(http.CurlClient):
    """kombu's HTTP client, deaf to its timers once it is closed."""

    _closed: bool

    def _timeout_check(self) -> None:
        if not self._closed:
            super()._timeout_check()  # type: ignore[misc]  # not in celery-types


def install() -> None:
    """Make every SQS connection opened from now on survive the loss of its SQS. Twice: nothing more happens."""
    # By name: celery-types knows neither that the one is there nor that the other is looked up at each use.
    setattr(SQS, "AsyncSQSConnection", ReconnectingSQSConnection)  # noqa: B010
    setattr(http, "CurlClient", QuietCurlClient)  # noqa: B010
    TRANSPORT_ALIASES["sqs"] = "celery_ledger.transports.sqs_reconnect:ReconnectingTransport"


def _limit(curl: Any) -> None:
    curl.setopt(pycurl.CONNECTTIMEOUT, CONNECT_SECONDS)
    curl.setopt(pycurl.TIMEOUT, POLL_SECONDS)
