import os
import subprocess
import sys

import pytest

from config.services import locks

HOLD = (
    "from config.services import locks; import sys, pathlib;"
    "locks.join(pathlib.Path(sys.argv[1])); print(); sys.stdin.read()"
)


@pytest.fixture
def lock(tmp_path):
    yield tmp_path / "lock"
    locks.leave(tmp_path / "lock")


def test_nobody_is_alone_beside_a_holder(lock):
    locks.join(lock)

    with locks.alone(lock) as alone:
        assert not alone


def test_who_left_holds_nothing(lock):
    locks.join(lock)
    locks.join(lock)

    locks.leave(lock)
    locks.leave(lock)

    assert locks.is_unused(lock)


def test_a_killed_holder_holds_nothing(lock):
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        assert not locks.is_unused(lock)

        holder.kill()

    assert locks.is_unused(lock)


def test_an_executed_program_does_not_hold_the_lock_of_its_starter(lock):
    locks.join(lock)

    with subprocess.Popen(["/bin/sleep", "20"], close_fds=False) as program:
        locks.leave(lock)
        assert locks.is_unused(lock)
        program.kill()


def test_a_claim_is_one_process_s_alone(lock):
    claimed = locks.claim(lock)

    assert locks.is_claimed(lock)
    assert locks.claim(lock) is None
    os.close(claimed)
    assert not locks.is_claimed(lock)
