"""Celery's consumer, which tells monitors what it does in fewer and larger messages."""

from typing import Any

from celery.worker import consumer

#: How much later a monitor may learn of a task. Celery itself sends a message each turn of its loop, at full speed one
#: for each task or two, and that is a third of what a worker's parent does at all.
TELL_SECONDS = 0.1


class Consumer(consumer.Consumer):
    """Gathers events for TELL_SECONDS, or until there are as many as Celery ever gathers."""

    # Celery's own, which its types leave out.
    hub: Any
    event_dispatcher: Any

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._will_tell = False

    def on_send_event_buffered(self) -> None:  # type: ignore[override]  # typed as if it were a property
        """Arrange for the event to be sent, unless that is arranged for already."""
        if self.hub and not self._will_tell:
            self._will_tell = True
            self.hub.call_later(TELL_SECONDS, self._tell)

    def _tell(self) -> None:
        self._will_tell = False
        if self.event_dispatcher:
            self.event_dispatcher.flush()
