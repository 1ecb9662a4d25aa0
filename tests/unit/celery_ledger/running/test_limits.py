"""A provider's rate, in the real cache server."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from celery_ledger.running import limits
from tests.eventually import eventually

LONGEST_SECONDS = 30


@pytest.fixture
def rate(settings):
    name = f"rate-{uuid4()}"

    def says(text):
        settings.JOB_RATE_LIMITS = {name: text}
        return name

    return says


def take(name, job="job"):
    return limits.take(name, job, longest_seconds=LONGEST_SECONDS)


def wait_seconds(name, job="job"):
    """Ask once, and where it is allowed use it at once."""
    use = take(name, job)
    limits.end(use)
    return use.wait_seconds


def test_a_rate_is_not_exceeded_however_long_a_call_is_on_its_way(rate):
    name = rate("20/second")
    chance = random.Random(1)
    delays = [chance.choice([0, 0, 0.1, 0.3]) for _ in range(80)]

    def call(number):
        use = eventually(lambda: (taken := take(name, f"job {number}")).wait_seconds == 0 and taken, 20)
        on_its_way.wait(delays[number])
        arrived_at = time.monotonic()
        limits.end(use)
        return arrived_at

    on_its_way = threading.Event()
    with ThreadPoolExecutor(80) as threads:
        arrived_at = sorted(threads.map(call, range(80)))

    assert all(later - first >= 1 for first, later in zip(arrived_at, arrived_at[20:], strict=False))


def test_a_rate_is_well_used(rate):
    name = rate("20/second")

    def use(number):
        eventually(lambda: wait_seconds(name, f"job {number}") == 0, within_seconds=20)
        return time.monotonic()

    with ThreadPoolExecutor(80) as threads:
        used_at = sorted(threads.map(use, range(80)))

    assert 60 / (used_at[60] - used_at[0]) >= 0.9 * 20


def test_a_use_counts_until_its_call_has_ended(rate):
    name = rate("1/second")
    use = take(name, "slow")

    # Longer than a period, and still nobody passes.
    with pytest.raises(AssertionError):
        eventually(lambda: wait_seconds(name, "next") == 0, within_seconds=1.5)
    limits.end(use)
    assert wait_seconds(name, "newcomer") > 0.9
    eventually(lambda: wait_seconds(name, "next") == 0, within_seconds=3)


def test_a_use_that_was_not_used_is_free_at_once(rate):
    name = rate("1/minute")

    limits.give_back(take(name, "dropped"))

    assert wait_seconds(name, "next") == 0


def test_a_use_whose_worker_died_is_free_some_day(rate):
    name = rate("1/second")
    limits.take(name, "dead", longest_seconds=0.2)

    assert wait_seconds(name, "next") > 0
    eventually(lambda: wait_seconds(name, "next") == 0, within_seconds=5)


def test_those_who_wait_stand_in_a_line(rate):
    name = rate("2/minute")

    waits = [wait_seconds(name, f"job {number}") for number in range(6)]

    assert waits[:2] == [0, 0]
    assert [wait // 59 for wait in waits[2:]] == [1, 1, 2, 2]


def test_a_job_delivered_twice_has_one_place(rate):
    name = rate("1/minute")
    wait_seconds(name, "first")

    waits = [wait_seconds(name, "second") for _ in range(3)]

    assert max(waits) < 63
    assert wait_seconds(name, "third") > 119


def test_two_rates_do_not_disturb_each_other(settings):
    first, second = f"a-{uuid4()}", f"b-{uuid4()}"
    settings.JOB_RATE_LIMITS = {first: "1/minute", second: "1/minute"}

    assert wait_seconds(first, "job") == 0
    assert wait_seconds(second, "job") == 0


@pytest.mark.parametrize("name", [None, "a rate that nobody has set"])
def test_without_a_rate_nobody_waits(name, settings):
    settings.JOB_RATE_LIMITS = {}

    assert wait_seconds(name, "job") == 0


def test_a_rate_of_none_lets_everybody_pass(rate):
    name = rate("none")

    assert [wait_seconds(name, "job") for _ in range(3)] == [0, 0, 0]


def test_nobody_passes_while_the_cache_server_is_away(rate, settings, tmp_path):
    name = rate("20/second")
    settings.CACHE_URL = f"unix://{tmp_path}/nobody.sock?db=1"
    limits._script.cache_clear()
    limits._client.cache_clear()
    try:
        assert wait_seconds(name, "job") == limits.STORE_AWAY_SECONDS
    finally:
        limits._script.cache_clear()
        limits._client.cache_clear()
