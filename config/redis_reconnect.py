"""A repair of kombu's Redis transport: a worker that loses its broker must reconnect, not die.

Defect (kombu 5.7.0, redis-py 8.1.0): where the connection is lost while a message is unacknowledged, the worker's
clean-up first drops the transport's client and then closes the channel, whose close wants to restore the
unacknowledged messages over the dropped connection: `AttributeError: 'NoneType' object has no attribute
'hostname'`, and the worker exits with 1. The late acknowledgement of the task on the old channel raises the same.

Repair: on a channel whose connection is gone, `restore_unacked`, `ack` and `reject` do the local bookkeeping
only. The message's copy in Redis stays until the visibility timeout; a second delivery finds its job already
claimed in the ledger.
"""

from typing import Any

from kombu.transport import redis
from kombu.transport.virtual import QoS as VirtualQoS


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
    """Make every Redis channel opened from now on survive the loss of its connection. Twice: nothing more happens."""
    redis.Channel.QoS = ReconnectingQoS
