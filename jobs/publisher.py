"""The gateway to the broker: the only module that publishes."""

from collections.abc import Iterable
from typing import Any

from celery import Celery
from kombu import Connection, Producer
from kombu.exceptions import OperationalError

from jobs import faultpoints
from jobs.queries import Published

try:
    from botocore.exceptions import ClientError as SqsRefusal  # type: ignore[import-untyped]  # no stubs
except ImportError:  # the SQS extra is not installed, so no broker can raise it

    class SqsRefusal(Exception):  # type: ignore[no-redef]
        """Never raised."""


#: A relay must find out fast that a broker is away, and go on; it tries again by itself.
_IMPATIENT = {"max_retries": 0, "interval_start": 0}

#: The message is a wake-up with an id: arguments and canvas come from the claim, so no broker's size
#: limit applies, nothing stale runs, and nobody's data lies in the broker.
_EMPTY_BODY: tuple[list[Any], dict[str, Any], dict[str, None]] = (
    [],
    {},
    {"callbacks": None, "errbacks": None, "chain": None, "chord": None},
)


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

    def publish(self, jobs: Iterable[Published]) -> None:
        """Send each job's wake-up, in order. Raises BrokerAway at the first that is not taken."""
        waiting = list(jobs)
        for sent, job in enumerate(waiting):
            try:
                self._send(job)
            except self._failures() as error:
                self.close()
                reason = str(error) or type(error).__name__
                raise BrokerAway(reason, [untaken.id for untaken in waiting[sent:]]) from error
            faultpoints.reach("relay.sent")

    def close(self) -> None:
        """Drop the connection, whatever state it is in."""
        if self._connection is not None:
            self._connection.collect()
        self._connection = self._producer = None

    def _send(self, job: Published) -> None:
        producer = self._ready()
        queue = self._app.amqp.queues[job.queue]
        headers = {**job.headers, "retries": job.attempts, "eta": None}
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
            self._connection = self._app.connection_for_write(transport_options=_IMPATIENT)
            self._producer = self._app.amqp.Producer(self._connection, auto_declare=False)
        return self._producer

    def _failures(self) -> tuple[type[BaseException], ...]:
        known: tuple[type[BaseException], ...] = (OperationalError, OSError, SqsRefusal)
        if self._connection is None:
            return known
        return (*known, *self._connection.connection_errors, *self._connection.channel_errors)
