"""The gateway to the broker: the only module that publishes.

A batch costs one round trip where the broker can take it so: a pipeline on Valkey, one wait for all answers on
RabbitMQ. SQS answers each message.
"""

import json
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from amqp.exceptions import FrameSyntaxError
from celery import Celery
from celery.events import Event
from celery.events.event import get_exchange
from celery.utils.nodenames import anon_nodename
from celery.utils.time import utcoffset
from kombu import Connection, Producer
from kombu.exceptions import (  # type: ignore[attr-defined]  # batches are newer than celery-types
    BatchPublishError,
    EncodeError,
    OperationalError,
)

from celery_ledger import faultpoints
from celery_ledger.asking.policy import MAX_HEADERS_BYTES
from celery_ledger.ledger.rows import Published
from celery_ledger.publishing.confirms import Confirms

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
    # RabbitMQ's answers are waited for by `Confirms`, a batch at a time.
    "confirm_publish": False,
}
#: How long RabbitMQ may say nothing of a batch before it counts as away. One that is out of memory never answers.
CONFIRM_SECONDS = 10.0
#: Messages of a pipeline; a larger batch is cut.
PIPELINE = 1000

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
_BROKER_FAILURES: tuple[type[BaseException], ...] = (OperationalError, BatchPublishError, OSError, SqsError)
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
        self._confirms: Confirms | None = None

    def publish(self, jobs: Iterable[Published]) -> list[Refused]:
        """Send each job's wake-up, in order; returns those that are refused for what they are, and stop nobody.

        Raises BrokerAway with what is not taken for any other reason.
        """
        waiting, sent, refused = list(jobs), list[Published](), list[Refused]()
        if not waiting:
            return refused
        try:
            self._send_all(waiting, sent, refused)
        except self._failures() as error:
            taken = {job.id for job in sent} - self._unanswered(sent)
            self.close()
            reason = f"{type(error).__name__}: {error.__cause__ or error}"
            raise BrokerAway(reason, [job.id for job in waiting if job.id not in taken]) from error
        faultpoints.reach("relay.sent")
        return refused

    def close(self) -> None:
        """Drop the connection, whatever state it is in."""
        if self._connection is not None:
            self._connection.collect()
        self._connection = self._producer = self._confirms = None

    def _send_all(self, waiting: list[Published], sent: list[Published], refused: list[Refused]) -> None:
        """Send a batch and wait for the broker's answer; `sent` and `refused` grow on the way."""
        producer = self._ready()
        with producer.batch(PIPELINE):  # type: ignore[attr-defined]  # as above
            for job in waiting:
                try:
                    self._send(job, producer)
                except (SqsError, *_UNWRITABLE) as error:
                    if not _is_refusal(error):
                        raise
                    refused.append(Refused(job.id, f"{type(error).__name__}: {error}"))
                else:
                    sent.append(job)
            if sent and self._app.conf.task_send_sent_event:
                self._tell_monitors(sent, producer)
        if self._confirms is not None:
            self._confirms.wait(CONFIRM_SECONDS)

    def _unanswered(self, sent: list[Published]) -> set[str]:
        """Return the ids of sent jobs of which the broker has not said that it took them."""
        if self._confirms is not None:
            return self._confirms.missing
        # A pipeline is answered as a whole, and it was not.
        is_pipeline = self._producer is not None and self._producer.supports_batch_publish  # type: ignore[attr-defined]  # as above
        return {job.id for job in sent} if is_pipeline else set()

    def _send(self, job: Published, producer: Producer) -> None:
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
        if self._confirms is not None:
            self._confirms.expect(job.id)

    def _tell_monitors(self, sent: list[Published], producer: Producer) -> None:
        # Flower and the exporter learn a task's queue from this event alone. One message for all, as workers do it.
        exchange = get_exchange(self._connection, self._app.conf.event_exchange)
        producer.publish(
            [
                _sent_event(job, self._app.clock.forward())  # type: ignore[attr-defined]  # no types
                for job in sent
            ],
            exchange=exchange.name,
            routing_key="task.multi",
            declare=[exchange],
            serializer=self._app.conf.event_serializer,
            headers={"hostname": anon_nodename()},
            delivery_mode=1,
            retry=False,
        )
        if self._confirms is not None:
            self._confirms.expect("task-sent")

    def _ready(self) -> Producer:
        if self._producer is None:
            self._connection = self._app.connection_for_write(transport_options=_TRANSPORT_OPTIONS)
            self._producer = self._app.amqp.Producer(self._connection, auto_declare=False)
            if self._connection.transport.driver_type == "amqp":
                self._confirms = Confirms(self._producer.channel)  # type: ignore[arg-type]  # it is py-amqp's
        return self._producer

    def _failures(self) -> tuple[type[BaseException], ...]:
        known: tuple[type[BaseException], ...] = (*_BROKER_FAILURES, *_UNWRITABLE)
        if self._connection is None:
            return known
        # The recoverable ones: a RabbitMQ queue that is full says no (MessageNacked), which py-amqp counts there alone.
        recoverable = self._connection.recoverable_connection_errors
        return (*known, *recoverable, *self._connection.connection_errors, *self._connection.channel_errors)


def _sent_event(job: Published, clock: int) -> dict[str, object]:
    """Return what Celery's own producer tells monitors of a message that it has sent."""
    return Event(
        "task-sent",
        hostname=anon_nodename(),
        utcoffset=utcoffset(),
        pid=os.getpid(),
        clock=clock,
        uuid=job.id,
        name=job.name,
        queue=job.queue,
        args=job.headers.get("argsrepr"),
        kwargs=job.headers.get("kwargsrepr"),
        root_id=job.headers.get("root_id"),
        parent_id=job.headers.get("parent_id"),
        retries=job.attempts,
        eta=None,
        expires=None,
        exchange="",
        routing_key=job.queue,
    )


def _is_refusal(error: BaseException) -> bool:
    if isinstance(error, SqsError):
        return error.response.get("Error", {}).get("Code") in _REFUSED_BY_SQS
    return isinstance(error, _UNWRITABLE)
