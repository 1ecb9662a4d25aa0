import os

import pytest

from config.services import locks
from config.services.places import Places
from config.services.state import Board, State

UP = State(pid=7, address="here", starts=2, last_end="signal SIGKILL")


@pytest.fixture
def board(tmp_path):
    places = Places(tmp_path)
    places.make()
    return Board(places, "valkey")


@pytest.fixture
def claim(board):
    descriptor = locks.claim(board.claim)
    yield descriptor
    os.close(descriptor)


@pytest.mark.usefixtures("claim")
def test_what_a_keeper_announces_is_read_until_it_is_withdrawn(board):
    assert board.state() is None

    board.announce(UP)
    assert board.state() == UP

    board.withdraw()
    board.withdraw()
    assert board.state() is None


def test_what_a_killed_keeper_announced_counts_no_more(board):
    board.announce(UP)

    assert board.state() is None


def test_the_reason_of_a_failure_is_left_for_the_starter(board):
    board.give_up("MAIL_PORT: taken")
    assert board.failure() == "MAIL_PORT: taken"

    board.forget_failure()
    assert "valkey.log" in board.failure()


def test_telling_a_keeper_that_is_not_there_to_stop_is_no_error(board):
    board.claim.write_text("1")

    board.tell_to_stop()
