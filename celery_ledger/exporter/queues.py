"""How many messages lie in each queue of the broker."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from celery import Celery
from kombu import Connection
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from celery_ledger.exporter.broker import IMPATIENT

POLL_SECONDS = 2


class Queues(Collector):
    """Lengths of the queues, polled in the background over one connection and answered from memory."""

    def __init__(self, app: Celery, names: Sequence[str]) -> None:
        self._app = app
        self._connection: Connection | None = None
        self.lengths: Mapping[str, int] = dict.fromkeys(names, 0)

    def read(self) -> None:
        """Ask the broker. Raises what one that is away raises; the next call connects anew."""
        connection, self._connection = self._connection or self._connect(), None
        try:
            self.lengths = {name: length(connection, name) for name in self.lengths}
            self._connection = connection
        finally:
            if self._connection is None:
                connection.collect()

    def _connect(self) -> Connection:
        return self._app.connection_for_read(transport_options=IMPATIENT)

    def collect(self) -> Iterable[Metric]:
        """Yield celery_queue_length."""
        gauge = GaugeMetricFamily("celery_queue_length", "Messages in the queue.", labels=["queue_name"])
        for name, count in self.lengths.items():
            gauge.add_metric([name], count)
        yield gauge


def length(connection: Connection, name: str) -> int:
    """Return how many messages lie in the queue; one that does not exist has none.

    A passive declaration: RabbitMQ answers with the count, kombu's Redis transport with the sum of the lists
    that it keeps for each priority (the length of the list with the queue's own name would be too small).
    """
    channel: Any = connection.default_channel  # typed as what all transports share, which is too little
    try:
        return int(channel.queue_declare(queue=name, passive=True).message_count)
    except connection.channel_errors as error:
        if str(getattr(error, "reply_code", "")) != "404":
            raise
        return 0
