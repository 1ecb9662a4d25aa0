"""How long the broker's queues are: a real Valkey."""

import pytest
from django.conf import settings
from kombu import Connection

from celery_ledger.exporter.queues import Queues, length
from config.celery import app

QUEUE = "exporter-test"


@pytest.fixture
def connection():
    with Connection(settings.BROKER_URL) as connection:
        yield connection
        with connection.SimpleQueue(QUEUE) as queue:
            queue.clear()


def put(connection, count, priority):
    with connection.Producer() as producer:
        for _ in range(count):
            producer.publish({}, routing_key=QUEUE, priority=priority)


def test_a_queue_that_does_not_exist_is_empty(connection):
    assert length(connection, QUEUE) == 0


def test_messages_of_every_priority_are_counted(connection):
    put(connection, 3, priority=0)
    put(connection, 2, priority=9)

    assert length(connection, QUEUE) == 5


def test_known_queues_have_series_at_zero_and_are_polled(connection):
    queues = Queues(app, [QUEUE, "nobody-wrote-here"])
    before = dict(queues.lengths)
    put(connection, 4, priority=0)

    queues.read()

    assert before == {QUEUE: 0, "nobody-wrote-here": 0}
    assert queues.lengths == {QUEUE: 4, "nobody-wrote-here": 0}
    queues._connection.close()
