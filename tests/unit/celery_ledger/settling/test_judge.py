"""What becomes of a failed attempt."""

import math

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError

from celery_ledger.errors import Cancelled, Fate, LeaseLost, Permanent, Transient
from celery_ledger.settling.judge import Failure, describe, judge


@pytest.mark.parametrize(
    ("error", "fate"),
    [
        (Transient("later"), Fate.TRANSIENT),
        (OperationalError("deadlock detected"), Fate.TRANSIENT),
        (InterfaceError("connection already closed"), Fate.TRANSIENT),
        (Permanent("refused"), Fate.PERMANENT),
        (SoftTimeLimitExceeded(), Fate.TIMEOUT),
        (Cancelled("id"), Fate.CANCELLED),
        (LeaseLost("id"), Fate.SUPERSEDED),
        (ValueError("oops"), Fate.BUG),
    ],
)
def test_each_error_has_a_fate(error, fate):
    assert describe(error).fate is fate


@pytest.mark.parametrize(
    ("fate", "attempt", "retry_in_seconds"),
    [
        (Fate.TRANSIENT, 1, 60),
        (Fate.TRANSIENT, 4, 480),
        (Fate.TRANSIENT, 5, None),
        (Fate.BUG, 1, 60),
        (Fate.BUG, 5, None),
        (Fate.TIMEOUT, 2, 120),
        (Fate.TIMEOUT, 5, None),
        (Fate.LOST, 1, 0),
        (Fate.LOST, 5, None),
        (Fate.PERMANENT, 1, None),
    ],
)
def test_each_fate_has_its_wait_until_the_last_attempt(fate, attempt, retry_in_seconds):
    failure = Failure(fate, "Error", "why")

    verdict = judge(failure, attempt=attempt, max_attempts=5, base_seconds=60, max_seconds=3600, jitter=0)

    assert verdict.retry_in_seconds == retry_in_seconds
    assert verdict.is_dead == (retry_in_seconds is None)


@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [(None, 60), (10, 60), (600, 600), (1e30, 3600), (math.inf, 3600), (math.nan, 60)],
)
def test_a_provider_may_ask_for_more_time_and_not_for_less_nor_for_ever(retry_after, expected):
    failure = describe(Transient("slow down", retry_after=retry_after))

    assert (
        judge(
            failure, attempt=1, max_attempts=5, base_seconds=60, max_seconds=3600, jitter=0
        ).retry_in_seconds
        == expected
    )


def test_no_doubling_outgrows_the_longest_wait():
    late = judge(
        Failure(Fate.BUG, "Error", "why"),
        attempt=99,
        max_attempts=100,
        base_seconds=60,
        max_seconds=3600,
        jitter=0.1,
    )

    assert late.retry_in_seconds == 3600


def test_an_error_without_words_is_named_by_its_class():
    assert describe(ValueError()).message == "ValueError"


def test_a_message_that_the_database_cannot_store_is_written_in_escapes():
    assert describe(ValueError("a\x00b\udcff")).message == "a\\x00b\\udcff"
