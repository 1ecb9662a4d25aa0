"""The options of a backend."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from celery_ledger.django_tasks.options import Options


def test_what_is_not_given_is_left_to_the_settings():
    assert Options.read("default", {}) == Options(None, None, None)


@pytest.mark.parametrize(
    "given",
    [
        {"max_attempts": 0},
        {"max_attempts": 1.5},
        {"max_attempts": True},
        {"soft_seconds": "10"},
        {"hard_seconds": -1},
        {"soft_seconds": 10, "hard_seconds": 10},
        {"retries": 3},
    ],
)
def test_an_option_that_means_nothing_is_refused(given):
    with pytest.raises(ImproperlyConfigured, match=r"TASKS\['default'\]"):
        Options.read("default", given)
