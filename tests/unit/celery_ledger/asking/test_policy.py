"""What declaration and settings say together."""

import pytest

from celery_ledger.asking import policy


def test_a_tasks_own_number_of_attempts_goes_before_the_settings(settings):
    settings.JOB_MAX_ATTEMPTS = 7

    assert policy.max_attempts_of("test.overrun") == 1
    assert policy.max_attempts_of("test.add") == 7
    assert policy.max_attempts_of("a task that is gone") == 7


def test_the_base_of_delays_comes_from_the_settings(settings):
    settings.JOB_RETRY_BASE_SECONDS = 0.5

    assert policy.retry_base_seconds_of("test.add") == 0.5


def test_jitter_is_a_tenth_at_most():
    assert all(0 <= policy.some_jitter() <= 0.1 for _ in range(100))


@pytest.mark.parametrize(
    ("name", "retries"),
    [("test.note", True), ("celery.accumulate", True), ("celery.starmap", False), ("test.unknown", True)],
)
def test_a_failure_is_retried_unless_it_is_that_of_a_body_declared_with_celery_alone(name, retries):
    assert policy.retries_failures_of(name) is retries
