"""RabbitMQ's answers to what was published on a channel: asked for once a batch, not once a message.

py-amqp's own `confirm_publish` waits for each message's answer before it sends the next one.
"""

import time
from collections.abc import Callable

from amqp import Channel
from amqp.exceptions import MessageNacked


class Confirms:
    """Which messages of a channel RabbitMQ has taken. For one thread, and for one batch after another."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._last_tag = 0
        self._open: dict[int, str] = {}
        self._refused: set[str] = set()
        events: dict[str, set[Callable[[int, bool], None]]] = channel.events  # type: ignore[attr-defined]  # types-amqp lacks it
        events["basic_ack"].add(self._on_ack)
        events["basic_nack"].add(self._on_nack)
        channel.confirm_select()

    @property
    def missing(self) -> set[str]:
        """The ids of what RabbitMQ has not taken, or has not yet said so of."""
        return self._refused | set(self._open.values())

    def expect(self, job_id: str) -> None:
        """Note that the next message of the channel has been published."""
        self._last_tag += 1
        self._open[self._last_tag] = job_id

    def wait(self, seconds: float) -> None:
        """Return once RabbitMQ has taken all.

        Raises MessageNacked where it refuses some, TimeoutError where it says nothing of some for so long: `missing`
        names them.
        """
        until = time.monotonic() + seconds
        while self._open:
            # Zero would be a look, and less than that for ever.
            self._channel.connection.drain_events(timeout=max(0.001, until - time.monotonic()))
        if self._refused:
            raise MessageNacked(f"{len(self._refused)} messages")

    def _on_ack(self, tag: int, multiple: bool) -> None:
        for answered in self._answered(tag, multiple):
            del self._open[answered]

    def _on_nack(self, tag: int, multiple: bool) -> None:
        for answered in self._answered(tag, multiple):
            self._refused.add(self._open.pop(answered))

    def _answered(self, tag: int, multiple: bool) -> list[int]:
        if multiple:
            return [known for known in self._open if known <= tag]
        return [tag] if tag in self._open else []
