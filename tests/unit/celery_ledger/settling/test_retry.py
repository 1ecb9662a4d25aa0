"""When a failed job runs again."""

import pytest

from celery_ledger.settling.retry import retry_delay_seconds


@pytest.mark.parametrize(("attempt", "minutes"), [(1, 1), (2, 2), (3, 4), (4, 8)])
def test_delays_double_from_the_base(attempt, minutes):
    assert retry_delay_seconds(attempt, base_seconds=60, jitter=0) == minutes * 60


def test_jitter_is_a_share_on_top():
    assert retry_delay_seconds(2, base_seconds=60, jitter=0.1) == pytest.approx(132)


def test_attempts_are_numbered_from_one():
    with pytest.raises(ValueError, match="from 1"):
        retry_delay_seconds(0, base_seconds=60, jitter=0)
