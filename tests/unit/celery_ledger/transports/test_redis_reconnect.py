"""Each repair, and beside it the defect: where a test named `..._still_...` fails, kombu has mended it."""

import uuid
from contextlib import contextmanager

import pytest
from django.conf import settings
from kombu import Connection
from kombu.transport import redis
from kombu.transport.virtual import Transport as VirtualTransport
from kombu.utils.json import loads

from celery_ledger.transports import redis_reconnect
from tests.upstream import still_raises

#: Of which kombu makes no error of the connection, after which a worker would connect anew.
DEADLY = [b"\xff\x00 no text", b"no json", b"[1]"]
RUBBISH = [*DEADLY, b"{}", b'{"properties": {}}']


@pytest.fixture
def as_kombu_has_it(monkeypatch):
    """Take the repairs back."""
    monkeypatch.setattr(redis.Channel, "QoS", redis.QoS)
    monkeypatch.setattr(redis, "loads", loads)
    monkeypatch.setattr(redis.Transport, "_deliver", VirtualTransport._deliver)


@pytest.fixture
def taken():
    """Return a message that was taken and not acknowledged, and the connection it came over."""
    connection = Connection(settings.BROKER_URL)
    queue = connection.SimpleQueue(f"test-{uuid.uuid4()}")
    queue.put({"a": 1})
    message = queue.get(timeout=5)
    yield message, connection
    connection.collect()


def lose(message, connection):
    """Do what a worker does first when its broker is gone."""
    connection.collect()
    message.channel._disconnect_pools()


def test_it_is_installed():
    assert redis.Channel.QoS is redis_reconnect.ReconnectingQoS


def test_what_a_closing_channel_restores_is_forgotten_where_the_broker_is_lost(taken):
    message, connection = taken

    lose(message, connection)

    message.channel.qos.restore_unacked()
    assert not message.channel.qos._delivered


@pytest.mark.parametrize("answer", ["ack", "reject", "requeue"])
def test_a_message_can_be_answered_after_the_broker_was_lost(taken, answer):
    message, connection = taken

    lose(message, connection)

    getattr(message, answer)()
    assert message.acknowledged


@pytest.mark.usefixtures("as_kombu_has_it")
@pytest.mark.parametrize("answer", ["ack", "reject", "requeue", "restore"])
def test_kombu_still_speaks_to_the_broker_that_was_lost(answer, request):
    message, connection = request.getfixturevalue("taken")

    lose(message, connection)

    with still_raises(AttributeError, package="kombu", remedy="redis_reconnect.ReconnectingQoS"):
        message.channel.qos.restore_unacked() if answer == "restore" else getattr(message, answer)()


def test_a_message_is_acknowledged_as_ever_while_the_broker_is_there(taken):
    message, connection = taken
    client = connection.default_channel.client
    before = client.hlen("unacked")

    message.ack()
    message.channel.qos._flush()

    assert client.hlen("unacked") == before - 1


@pytest.mark.parametrize("rubbish", RUBBISH)
def test_rubbish_in_a_queue_is_left_out_and_the_message_behind_it_comes(rubbish):
    with a_queue_with(rubbish) as queue:
        message = queue.get(timeout=5)

        assert message.payload == {"a": 1}
        message.ack()


@pytest.mark.usefixtures("as_kombu_has_it")
@pytest.mark.parametrize("rubbish", DEADLY)
def test_kombu_still_stops_at_rubbish(rubbish):
    remedy = "redis_reconnect.loads_or_no_message and deliver_messages_alone"

    with (
        a_queue_with(rubbish) as queue,
        still_raises(ValueError, TypeError, package="kombu", remedy=remedy),
    ):
        queue.get(timeout=5)


@contextmanager
def a_queue_with(rubbish):
    """Make a queue with rubbish in it, and a message behind that."""
    with Connection(settings.BROKER_URL) as connection:
        name = f"test-{uuid.uuid4()}"
        queue = connection.SimpleQueue(name)
        queue.channel.client.lpush(name, rubbish)
        queue.put({"a": 1})
        yield queue
        queue.close()
