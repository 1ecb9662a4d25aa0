"""A set of results is one query, and its timeout holds."""

import time

import pytest
from celery import current_app
from celery.exceptions import TimeoutError as CeleryTimeoutError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from celery_ledger.canvas import chain, group, step
from tests.rows import a_job, an_error

pytestmark = pytest.mark.django_db


def a_group(states, **fields):
    jobs = [a_job(state, **fields) for state in states]
    return current_app.GroupResult("g", [current_app.AsyncResult(str(job.pk)) for job in jobs])


def queries_of(act):
    with CaptureQueriesContext(
        connection,
    ) as captured:
        act()
    return len(captured)


@pytest.mark.parametrize(
    "question", ["ready", "successful", "failed", "completed_count", "waiting", "maybe_throw"]
)
def test_a_question_to_a_group_costs_the_same_whatever_its_size(question):
    small, large = a_group(["queued"] * 2), a_group(["queued"] * 50)

    assert queries_of(getattr(small, question)) == queries_of(getattr(large, question))


def test_a_group_gives_its_results_in_its_order():
    results = a_group(["succeeded"] * 3)
    for number, part in enumerate(results.results):
        type(a_job()).objects.filter(pk=part.id).update(result=number)

    assert results.get(timeout=1) == [0, 1, 2]


def test_a_group_raises_the_error_of_a_failed_part():
    results = a_group(["succeeded", "dead"])
    job = type(a_job()).objects.get(pk=results.results[1].id)
    an_error(job, error_class="KeyError", error_module="builtins", error_args=["missing"])

    assert results.failed()
    with pytest.raises(KeyError, match="missing"):
        results.get(timeout=1)


def test_states_of_a_group():
    assert a_group(["succeeded", "succeeded"]).successful()
    assert a_group(["succeeded", "dead"]).ready()
    assert not a_group(["succeeded", "running"]).ready()
    assert a_group(["succeeded", "running", "succeeded"]).completed_count() == 2


def test_the_wait_for_a_body_holds_its_timeout_whatever_the_size_of_the_header():
    result = chain(
        group(step("test.note", number) for number in range(300)), step("test.note", "end")
    ).delay()

    began = time.monotonic()
    with CaptureQueriesContext(connection) as captured, pytest.raises(CeleryTimeoutError):
        result.get(timeout=0.3)

    assert len(captured) < 60
    assert time.monotonic() - began < 3


def test_a_nested_group_holds_its_timeout():
    inner = a_group(["queued"])
    outer = current_app.GroupResult("o", [inner, current_app.AsyncResult(str(a_job("succeeded").pk))])

    with pytest.raises(CeleryTimeoutError):
        outer.get(timeout=0.1)


def test_a_nested_group_gives_nested_results():
    inner = a_group(["succeeded"] * 2, result=1)
    outer = current_app.GroupResult(
        "o", [inner, current_app.AsyncResult(str(a_job("succeeded", result=2).pk))]
    )

    assert outer.get(timeout=1) == [[1, 1], 2]
