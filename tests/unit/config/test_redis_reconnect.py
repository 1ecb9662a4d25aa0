import uuid

import pytest
from django.conf import settings
from kombu import Connection
from kombu.transport import redis

from config import redis_reconnect


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


def test_a_message_is_still_acknowledged_while_the_broker_is_there(taken):
    message, connection = taken
    client = connection.default_channel.client
    before = client.hlen("unacked")

    message.ack()
    message.channel.qos._flush()

    assert client.hlen("unacked") == before - 1


@pytest.mark.parametrize("rubbish", [b"\xff\x00 no text", b"no json", b"{}", b"[1]", b'{"properties": {}}'])
def test_rubbish_in_a_queue_is_left_out_and_the_message_behind_it_comes(rubbish):
    with Connection(settings.BROKER_URL) as connection:
        name = f"test-{uuid.uuid4()}"
        queue = connection.SimpleQueue(name)
        queue.channel.client.lpush(name, rubbish)
        queue.put({"a": 1})

        message = queue.get(timeout=5)

        assert message.payload == {"a": 1}
        message.ack()
        queue.close()
