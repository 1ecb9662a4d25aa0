"""Repairs of kombu's Redis transport: neither the loss of its broker nor rubbish in a queue may end a worker.

Defect (kombu 5.7.0, redis-py 8.1.0): where the connection is lost while a message is unacknowledged, the worker's
clean-up first drops the transport's client and then closes the channel, whose close wants to restore the
unacknowledged messages over the dropped connection: `AttributeError: 'NoneType' object has no attribute
'hostname'`, and the worker exits with 1. The late acknowledgement of the task on the old channel raises the same.

Repair: on a channel whose connection is gone, `restore_unacked`, `ack` and `reject` do the local bookkeeping
only. The message's copy in Redis stays until the visibility timeout; a second delivery finds its job already
claimed in the ledger.

The second defect (the same versions): an item of a queue's list that is no message, put there by hand or by another
program, raises where it is read, and the worker exits with 1. Repair: it is logged and left out.
"""

from queue import Empty
from typing import Any

import structlog
from kombu.transport import redis
from kombu.transport.virtual import QoS as VirtualQoS
from kombu.transport.virtual import Transport as VirtualTransport
from kombu.utils.json import loads

log = structlog.get_logger(__name__)


class NoMessage(Empty, ValueError):
    """What was read is no message. Empty, so that kombu's loop takes it for an empty read and goes on."""


class ReconnectingQoS(redis.QoS):
    """kombu's acknowledgement emulation, except that a connection that is gone is not written to."""

    def restore_unacked(self, client: Any = None) -> None:
        """Put every unacknowledged message back; forget them where there is nothing to put them back into."""
        if self._connection_is_gone():
            self._delivered.clear()  # type: ignore[union-attr]  # None on the class only
        else:
            super().restore_unacked(client)

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge one message; only here where Redis is gone."""
        if self._connection_is_gone():
            VirtualQoS.ack(self, delivery_tag)
        else:
            super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Reject one message; only here where Redis is gone."""
        if self._connection_is_gone():
            VirtualQoS.ack(self, delivery_tag)
        else:
            super().reject(delivery_tag, requeue)

    def _connection_is_gone(self) -> bool:
        connection = self.channel.connection
        return connection is None or connection.client is None


def install() -> None:
    """Make every Redis channel survive the loss of its connection, and rubbish in its queues.

    Twice: nothing more happens.
    """
    redis.Channel.QoS = ReconnectingQoS
    # By name: celery-types knows neither of the two seams between reading and consuming.
    setattr(redis, "loads", loads_or_no_message)  # noqa: B010
    setattr(redis.Transport, "_deliver", deliver_messages_alone)  # noqa: B010


def loads_or_no_message(text: str) -> Any:
    """Parse JSON as kombu does. Raises NoMessage for anything else."""
    try:
        return loads(text)
    except ValueError as error:
        log.warning("rubbish_dropped", reason=str(error))
        raise NoMessage(str(error)) from error


def deliver_messages_alone(transport: redis.Transport, message: Any, queue: str) -> None:
    """Hand a message to its queue's consumer; what lacks the parts of one is logged and left out."""
    properties = message.get("properties") if isinstance(message, dict) else None
    if isinstance(properties, dict) and "delivery_tag" in properties:
        VirtualTransport._deliver(transport, message, queue)  # noqa: SLF001 - what it overrides
    else:
        log.warning("rubbish_dropped", queue=queue, reason="it has no properties of a message")
