"""The one line on which a task says how it runs."""

import pytest
from celery import current_app

from celery_ledger.declare import job

LINE = {"queue": "mail", "soft_seconds": 20, "hard_seconds": 30}


def test_a_misspelt_option_is_an_error_where_it_is_written():
    with pytest.raises(TypeError, match="atomicc"):
        job("test.misspelt", **LINE, atomicc=True)  # type: ignore[call-arg]  # the case


def test_queue_and_time_limits_must_be_said():
    with pytest.raises(TypeError, match="queue"):
        job("test.without_queue", soft_seconds=1, hard_seconds=2)  # type: ignore[call-arg]  # the case


def test_the_soft_limit_must_lie_below_the_hard_one():
    with pytest.raises(ValueError, match="clean up"):
        job("test.no_time", queue="mail", soft_seconds=30, hard_seconds=30)


def test_each_option_reaches_the_task():
    @job("test.all_options", **LINE, limit="email", atomic=True, max_attempts=3, retry_base_seconds=7.5)
    def body():
        """Do nothing."""

    task = current_app.tasks["test.all_options"]
    assert (task.job_queue, task.soft_time_limit, task.time_limit) == ("mail", 20, 30)
    assert (task.rate_limit_name, task.atomic) == ("email", True)
    assert (task.job_max_attempts, task.job_retry_base_seconds) == (3, 7.5)


def test_a_task_called_directly_runs_its_body():
    @job("test.called", **LINE)
    def double(number):
        return 2 * number

    assert double(21) == 42
