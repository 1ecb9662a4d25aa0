"""The gateway to the broker: the only module that publishes."""

import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from amqp.exceptions import FrameSyntaxError
from celery import Celery
from kombu import Connection, Producer
from kombu.exceptions import EncodeError, OperationalError

from jobs import faultpoints
from jobs.policy import MAX_HEADERS_BYTES
from jobs.queries import Published

try:
    from botocore.exceptions import ClientError as SqsError  # type: ignore[import-untyped]  # no stubs
except ImportError:  # the SQS extra is not installed, so no broker can raise it

    class SqsError(Exception):  # type: ignore[no-redef]
        """Never raised."""

        response: dict[str, dict[str, str]]


_TRANSPORT_OPTIONS = {
    # A relay must find out fast that a broker is away, and go on; it tries again by itself.
    "max_retries": 0,
    "interval_start": 0,
    # RabbitMQ's answer to each message, before the next one is sent: else a no would be taken for the next one's.
    "confirm_publish": True,
}

#: The message is a wake-up with an id: arguments and canvas come from the claim, so no broker's size
#: limit applies, nothing stale runs, and nobody's data lies in the broker.
_EMPTY_BODY: tuple[list[Any], dict[str, Any], dict[str, None]] = (
    [],
    {},
    {"callbacks": None, "errbacks": None, "chain": None, "chord": None},
)


#: What the encoders of the three brokers raise for a header that they can't write down: a number beyond 64 bits,
#: a name beyond 255 bytes.
_UNWRITABLE: tuple[type[BaseException], ...] = (
    EncodeError,
    FrameSyntaxError,
    struct.error,
    OverflowError,
    TypeError,
    ValueError,
)
#: SQS's words for a message that it will never take; all its other errors are its own.
_REFUSED_BY_SQS = frozenset({"InvalidParameterValue", "InvalidMessageContents", "InvalidAttributeValue"})


@dataclass(frozen=True)
class Refused:
    """A job whose wake-up no broker of this kind will ever take, and why."""

    id: str
    reason: str


class BrokerAway(Exception):
    """The broker did not take the jobs `untaken`, or did not say so."""

    def __init__(self, reason: str, untaken: list[str]) -> None:
        super().__init__(reason)
        self.untaken = untaken


class Publisher:
    """Sends wake-ups over one connection, opened when first needed and anew after each failure."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._connection: Connection | None = None
        self._producer: Producer | None = None

    def publish(self, jobs: Iterable[Published]) -> list[Refused]:
        """Send each job's wake-up, in order; returns those that are refused for what they are, and stop nobody.

        Raises BrokerAway at the first that is not taken for any other reason.
        """
        waiting, refused = list(jobs), list[Refused]()
        for sent, job in enumerate(waiting):
            try:
                self._send(job)
            except self._failures() as error:
                self.close()
                reason = f"{type(error).__name__}: {error}"
                if not _is_refusal(error):
                    untaken = [*(message.id for message in refused), *(left.id for left in waiting[sent:])]
                    raise BrokerAway(reason, untaken) from error
                refused.append(Refused(job.id, reason))
            faultpoints.reach("relay.sent")
        return refused

    def close(self) -> None:
        """Drop the connection, whatever state it is in."""
        if self._connection is not None:
            self._connection.collect()
        self._connection = self._producer = None

    def _send(self, job: Published) -> None:
        producer = self._ready()
        queue = self._app.amqp.queues[job.queue]
        headers = {**job.headers, "retries": job.attempts, "eta": None}
        size = len(json.dumps(headers))
        if size > MAX_HEADERS_BYTES:
            # RabbitMQ would end the connection over it, and that looks like a broker that is away.
            raise EncodeError(f"headers of {size} bytes, {MAX_HEADERS_BYTES} at most")
        producer.publish(
            _EMPTY_BODY,
            exchange="",
            routing_key=queue.name,
            declare=[queue],
            serializer="json",
            headers=headers,
            correlation_id=job.id,
            delivery_mode=2,
            retry=False,
        )
        if self._app.conf.task_send_sent_event:
            self._tell_monitors(job, headers, producer)

    def _tell_monitors(self, job: Published, headers: dict[str, object], producer: Producer) -> None:
        # Flower and the exporter learn a task's queue from this event alone.
        fields = {
            "uuid": job.id,
            "name": job.name,
            "queue": job.queue,
            "args": headers.get("argsrepr"),
            "kwargs": headers.get("kwargsrepr"),
            "root_id": headers.get("root_id"),
            "parent_id": headers.get("parent_id"),
            "retries": job.attempts,
            "eta": None,
            "expires": None,
            "exchange": "",
            "routing_key": job.queue,
        }
        self._app.amqp._event_dispatcher.publish("task-sent", fields, producer, retry=False)  # type: ignore[attr-defined]  # noqa: SLF001 - as Celery does

    def _ready(self) -> Producer:
        if self._producer is None:
            self._connection = self._app.connection_for_write(transport_options=_TRANSPORT_OPTIONS)
            self._producer = self._app.amqp.Producer(self._connection, auto_declare=False)
        return self._producer

    def _failures(self) -> tuple[type[BaseException], ...]:
        known: tuple[type[BaseException], ...] = (OperationalError, OSError, SqsError, *_UNWRITABLE)
        if self._connection is None:
            return known
        # The recoverable ones: a RabbitMQ queue that is full says no (MessageNacked), which py-amqp counts there alone.
        recoverable = self._connection.recoverable_connection_errors
        return (*known, *recoverable, *self._connection.connection_errors, *self._connection.channel_errors)


def _is_refusal(error: BaseException) -> bool:
    if isinstance(error, SqsError):
        return error.response.get("Error", {}).get("Code") in _REFUSED_BY_SQS
    return isinstance(error, _UNWRITABLE)
