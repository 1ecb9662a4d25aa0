"""Answers of RabbitMQ, in any order and number."""

from collections import defaultdict

import pytest
from amqp.exceptions import MessageNacked

from celery_ledger.publishing.confirms import Confirms


class Wire:
    """A channel and its connection: each answer that RabbitMQ has given waits here to be read."""

    def __init__(self):
        self.events = defaultdict(set)
        self.answers = []
        self.connection = self

    def confirm_select(self):
        """Nothing to do here."""

    def drain_events(self, timeout):
        if not self.answers:
            raise TimeoutError(f"nothing came in {timeout} s")
        kind, tag, multiple = self.answers.pop(0)
        for callback in self.events[kind]:
            callback(tag, multiple)


@pytest.fixture
def wire():
    return Wire()


@pytest.fixture
def confirms(wire):
    confirms = Confirms(wire)
    for job_id in ("a", "b", "c"):
        confirms.expect(job_id)
    return confirms


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([("basic_ack", 3, True)], id="one answer for all"),
        pytest.param([("basic_ack", 2, True), ("basic_ack", 3, False)], id="some together"),
        pytest.param([("basic_ack", tag, False) for tag in (3, 1, 2)], id="out of order"),
        pytest.param([("basic_ack", 1, False)] * 2 + [("basic_ack", 3, True)], id="one twice"),
    ],
)
def test_all_are_taken_once_each_has_its_answer(wire, confirms, answers):
    wire.answers = answers

    confirms.wait(1)

    assert confirms.missing == set()


def test_a_refused_message_is_named_and_those_beside_it_are_not(wire, confirms):
    wire.answers = [("basic_ack", 1, False), ("basic_nack", 2, False), ("basic_ack", 3, False)]

    with pytest.raises(MessageNacked):
        confirms.wait(1)

    assert confirms.missing == {"b"}


def test_several_may_be_refused_at_once(wire, confirms):
    wire.answers = [("basic_nack", 2, True), ("basic_ack", 3, False)]

    with pytest.raises(MessageNacked):
        confirms.wait(1)

    assert confirms.missing == {"a", "b"}


def test_what_has_no_answer_in_time_is_named(wire, confirms):
    wire.answers = [("basic_ack", 2, False)]

    with pytest.raises(TimeoutError):
        confirms.wait(0.1)

    assert confirms.missing == {"a", "c"}


def test_a_second_batch_goes_on_counting(wire, confirms):
    wire.answers = [("basic_ack", 3, True), ("basic_ack", 4, False)]
    confirms.wait(1)

    confirms.expect("d")
    assert confirms.missing == {"d"}
    confirms.wait(1)

    assert confirms.missing == set()
