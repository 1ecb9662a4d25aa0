"""The fates as exceptions."""

import pickle

from celery_ledger.errors import Permanent, Transient


def test_a_transient_error_keeps_its_wait_between_processes():
    copy = pickle.loads(pickle.dumps(Transient("slow down", retry_after=30)))  # noqa: S301 (our own)

    assert (str(copy), copy.retry_after) == ("slow down", 30)


def test_a_permanent_error_keeps_its_reason_between_processes():
    assert str(pickle.loads(pickle.dumps(Permanent("refused")))) == "refused"  # noqa: S301 (our own)
