"""A provider's rate, in the real cache server."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from jobs import limits
from tests.eventually import eventually


@pytest.fixture
def rate(settings):
    name = f"rate-{uuid4()}"

    def says(text):
        settings.JOB_RATE_LIMITS = {name: text}
        return name

    return says


def test_a_rate_is_not_exceeded_and_well_used(rate):
    name = rate("20/second")

    def use(number):
        eventually(lambda: limits.wait_seconds(name, f"job {number}") == 0, within_seconds=20)
        return time.monotonic()

    with ThreadPoolExecutor(80) as threads:
        used_at = sorted(threads.map(use, range(80)))

    # The answer takes a moment to arrive, by which two uses may seem closer than they are.
    assert all(later - first > 0.95 for first, later in zip(used_at, used_at[20:], strict=False))
    assert 60 / (used_at[60] - used_at[0]) >= 0.9 * 20


def test_those_who_wait_stand_in_a_line(rate):
    name = rate("2/minute")

    waits = [limits.wait_seconds(name, f"job {number}") for number in range(6)]

    assert waits[:2] == [0, 0]
    assert [wait // 59 for wait in waits[2:]] == [1, 1, 2, 2]


def test_a_job_delivered_twice_has_one_place(rate):
    name = rate("1/minute")
    limits.wait_seconds(name, "first")

    waits = [limits.wait_seconds(name, "second") for _ in range(3)]

    assert max(waits) < 63
    assert limits.wait_seconds(name, "third") > 119


def test_two_rates_do_not_disturb_each_other(settings):
    first, second = f"a-{uuid4()}", f"b-{uuid4()}"
    settings.JOB_RATE_LIMITS = {first: "1/minute", second: "1/minute"}

    assert limits.wait_seconds(first, "job") == 0
    assert limits.wait_seconds(second, "job") == 0


@pytest.mark.parametrize("name", [None, "a rate that nobody has set"])
def test_without_a_rate_nobody_waits(name, settings):
    settings.JOB_RATE_LIMITS = {}

    assert limits.wait_seconds(name, "job") == 0


def test_a_rate_of_none_lets_everybody_pass(rate):
    name = rate("none")

    assert [limits.wait_seconds(name, "job") for _ in range(3)] == [0, 0, 0]


def test_nobody_passes_while_the_cache_server_is_away(rate, settings, tmp_path):
    name = rate("20/second")
    settings.CACHE_URL = f"unix://{tmp_path}/nobody.sock?db=1"
    limits._take.cache_clear()
    try:
        assert limits.wait_seconds(name, "job") == limits.STORE_AWAY_SECONDS
    finally:
        limits._take.cache_clear()
