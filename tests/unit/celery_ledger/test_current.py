"""The job that is running here."""

from uuid import UUID, uuid4

import pytest

from celery_ledger.current import CurrentJob, checkpoint, current_job, running
from celery_ledger.errors import Cancelled, LeaseLost


def a_current_job(**flags):
    return CurrentJob("a", "test.add", "mail", 1, 5, "a", None, uuid4(), **flags)


def test_outside_a_job_there_is_none_and_a_checkpoint_is_nothing():
    assert current_job() is None
    checkpoint()


def test_inside_a_job_it_is_known_and_afterwards_not():
    job = a_current_job()

    with running(job):
        assert current_job() is job
        checkpoint()
    assert current_job() is None


@pytest.mark.parametrize(("flag", "error"), [("cancel_requested", Cancelled), ("lease_lost", LeaseLost)])
def test_a_checkpoint_ends_what_should_end(flag, error):
    with running(a_current_job(**{flag: True})), pytest.raises(error):
        checkpoint()


def test_a_repeated_attempt_gives_its_children_the_same_ids():
    first, second = a_current_job(), a_current_job()

    ids = [first.child_id("test.add"), first.child_id("test.add"), first.child_id("test.note")]

    assert [second.child_id("test.add"), second.child_id("test.add"), second.child_id("test.note")] == ids
    assert len({UUID(child) for child in ids}) == 3
