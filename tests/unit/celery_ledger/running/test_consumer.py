"""What a worker tells monitors, gathered."""

from types import SimpleNamespace

import pytest
from celery import current_app

from celery_ledger.running.consumer import TELL_SECONDS, Consumer


class Hub:
    """A loop that holds what is to be called later."""

    def __init__(self):
        self.later = []

    def call_later(self, seconds, callback):
        self.later.append((seconds, callback))

    def turn(self):
        due, self.later = self.later, []
        for _seconds, callback in due:
            callback()


@pytest.fixture
def consumer():
    consumer = Consumer.__new__(Consumer)  # its own start wants a broker
    consumer.hub, consumer.told = Hub(), []
    consumer.event_dispatcher = SimpleNamespace(flush=lambda: consumer.told.append("all"))
    consumer._will_tell = False
    return consumer


def test_events_that_come_together_are_told_together(consumer):
    for _ in range(3):
        consumer.on_send_event_buffered()

    assert [seconds for seconds, _ in consumer.hub.later] == [TELL_SECONDS]
    consumer.hub.turn()
    assert consumer.told == ["all"]


def test_a_later_event_is_told_later(consumer):
    consumer.on_send_event_buffered()
    consumer.hub.turn()

    consumer.on_send_event_buffered()
    consumer.hub.turn()

    assert len(consumer.told) == 2


def test_a_consumer_that_lost_its_dispatcher_goes_on(consumer):
    consumer.on_send_event_buffered()
    consumer.event_dispatcher = None

    consumer.hub.turn()

    assert consumer._will_tell is False


def test_workers_of_this_application_gather():
    assert current_app.conf.worker_consumer == "celery_ledger.running.consumer:Consumer"
