"""What RabbitMQ never takes is refused by name; where it is full or changed, no message is at fault."""

from contextlib import contextmanager

import pytest
from celery import current_app
from kombu import Queue

from celery_ledger.ledger.rows import Published
from celery_ledger.publishing.publisher import BrokerAway, Publisher
from tests.harness.brokers import RabbitMQ, need_rabbitmq
from tests.integration.stage import broker_of_this_process

QUEUE = "reports"
FULL = {"x-max-length": 1, "x-overflow": "reject-publish"}


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory):
    need_rabbitmq()
    with RabbitMQ(tmp_path_factory.mktemp("rabbitmq")) as broker:
        yield broker


@pytest.fixture
def to_rabbitmq(rabbitmq):
    rabbitmq.delete(QUEUE)
    with a_publisher_to(rabbitmq) as publisher:
        yield publisher


@contextmanager
def a_publisher_to(broker):
    with broker_of_this_process(broker.url):
        publisher = Publisher(current_app._get_current_object())
        yield publisher
        publisher.close()


def published(job_id, **headers):
    return Published(job_id, "test.note", QUEUE, {"id": job_id, "task": "test.note", **headers}, 0)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"x": 2**63}, id="a large number"),
        pytest.param({"x": [{"y": 2**64}]}, id="a large number deep inside"),
        pytest.param({"x" * 300: 1}, id="a long name"),
        pytest.param({"x": "y" * 200_000}, id="a long text"),
        pytest.param({f"x{n}": "y" * 100 for n in range(2_000)}, id="many"),
    ],
)
def test_rabbitmq_never_takes_some_headers_and_takes_the_messages_beside_them(to_rabbitmq, rabbitmq, headers):
    refused = to_rabbitmq.publish([published("before"), published("poison", **headers), published("after")])

    assert [message.id for message in refused] == ["poison"]
    assert rabbitmq.waiting(QUEUE) == 2


def test_no_message_is_at_fault_where_a_queue_of_rabbitmq_is_full(to_rabbitmq, rabbitmq, monkeypatch):
    monkeypatch.setitem(current_app.amqp.queues, QUEUE, Queue(QUEUE, queue_arguments=FULL))
    to_rabbitmq.publish([published("first")])

    for _ in range(3):
        with pytest.raises(BrokerAway):
            to_rabbitmq.publish([published("behind")])
        rabbitmq.purge(QUEUE)
        to_rabbitmq.publish([published("other")])


def test_what_rabbitmq_has_taken_of_a_batch_is_not_sent_again(to_rabbitmq, rabbitmq, monkeypatch):
    monkeypatch.setitem(current_app.amqp.queues, QUEUE, Queue(QUEUE, queue_arguments=FULL))

    with pytest.raises(BrokerAway) as away:
        to_rabbitmq.publish([published("first"), published("second"), published("third")])

    assert set(away.value.untaken) == {"second", "third"}
    assert rabbitmq.waiting(QUEUE) == 1


def test_no_message_is_at_fault_where_somebody_made_its_queue_another_way(to_rabbitmq, monkeypatch):
    to_rabbitmq.publish([published("as declared")])
    to_rabbitmq.close()
    monkeypatch.setitem(current_app.amqp.queues, QUEUE, Queue(QUEUE, queue_arguments=FULL))

    with pytest.raises(BrokerAway, match="PRECONDITION_FAILED"):
        to_rabbitmq.publish([published("declared otherwise")])
