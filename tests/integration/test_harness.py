"""What the other integration tests stand on: a signup through real processes, also with the broker away meanwhile."""

import signal

import pytest

from tests.eventually import eventually
from tests.harness.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def stack(tmp_path):
    stack = Stack(tmp_path)
    yield stack
    stack.close()


def test_a_signup_while_the_broker_is_away_is_mailed_when_it_is_back(stack):
    visitor = stack.start_web()
    stack.start_worker()
    stack.stop_broker()

    visitor.sign_up("away@example.org")
    assert visitor.mails_to("away@example.org") == []
    stack.start_broker()

    visitor.verify("away@example.org")
    visitor.log_in("away@example.org")
    assert visitor.get("/api/account").json()["email"] == "away@example.org"


def test_a_killed_part_is_noticed_and_can_be_started_again(stack):
    visitor = stack.start_web()
    stack.start_worker()
    stack.kill("worker", signal.SIGKILL, group=True)

    with pytest.raises(AssertionError, match="worker ended with -9"):
        stack.is_running("worker")
    visitor.sign_up("late@example.org")
    stack.start_worker()

    eventually(lambda: visitor.mails_to("late@example.org"), 20)
