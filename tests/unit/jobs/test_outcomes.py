"""What became of a job is known by its id, also where another one's failure has left it out."""

import pytest
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import current_app, signature
from celery.exceptions import ChordError, TaskRevokedError

from jobs import control, outcomes, rescue
from jobs.canvas import chain, chord, group, step
from jobs.enqueue import enqueue
from jobs.errors import Permanent
from jobs.models import Job
from tests.rows import a_job, an_error
from tests.unit.jobs import worker

pytestmark = pytest.mark.django_db(transaction=True)


def result(job_id):
    return current_app.AsyncResult(str(job_id))


def add(*numbers):
    return signature("test.add", args=numbers)


def run(name):
    job = Job.objects.filter(name=name, state="queued").order_by("seq").first()
    worker.deliver(job.pk)
    return job


CANVASES = {
    "chain": (lambda: chain(step("test.refuse"), step("test.note", 1), step("test.note", 2)), Permanent),
    "long chain": (lambda: chain(step("test.refuse"), *(step("test.note", n) for n in range(8))), Permanent),
    "chord": (lambda: chord([step("test.refuse"), add(1, 2)], signature("test.note")), ChordError),
    "chord with a chain behind": (
        lambda: chain(
            group(step("test.refuse"), add(1, 2)), signature("test.total"), *(add(1) for _ in range(5))
        ),
        ChordError,
    ),
    "chord behind a step": (
        lambda: chain(step("test.refuse"), group(add(1), add(2)), signature("test.total")),
        Permanent,
    ),
    "chord in a header": (
        lambda: chord(
            [chord([step("test.refuse")] * 2, signature("test.total")), add(1, 1)], signature("test.note")
        ),
        ChordError,
    ),
}


@pytest.mark.parametrize(("canvas", "error"), CANVASES.values(), ids=CANVASES)
def test_a_failure_reaches_the_id_that_the_caller_holds(effect_table, canvas, error):
    job_id = enqueue(canvas())

    run("test.refuse")

    assert result(job_id).state == "FAILURE"
    with pytest.raises(error, match="never"):
        result(job_id).get(timeout=1)


def test_a_failure_reaches_each_part_of_a_group_behind_it(effect_table):
    results = chain(step("test.refuse"), group(add(1), add(2))).delay()

    run("test.refuse")

    assert [part.state for part in results.results] == ["FAILURE", "FAILURE"]


def test_a_failed_job_that_is_retried_by_hand_makes_the_end_wait_again(effect_table):
    job_id = enqueue(chain(step("test.refuse"), step("test.note", 1)))
    failed = run("test.refuse")

    control.retry(failed.pk)

    assert result(job_id).state == "PENDING"


@pytest.mark.parametrize(
    "canvas",
    [
        lambda: chain(step("test.note", 1), step("test.note", 2)),
        lambda: chord([step("test.note", 1), add(1, 2)], step("test.note", 2)),
    ],
)
def test_a_cancelled_job_makes_the_end_revoked(canvas):
    job_id = enqueue(canvas())

    control.cancel(Job.objects.get(name="test.note").pk)

    assert result(job_id).state == "REVOKED"
    with pytest.raises(TaskRevokedError):
        result(job_id).get(timeout=1)


def test_an_expired_job_makes_the_end_revoked():
    job_id = enqueue(chain(step("test.note", 1).set(expires=-1), step("test.note", 2)))

    rescue.rescue()

    assert result(job_id).state == "REVOKED"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["one", 2], ("one", 2)),
        ([], ()),
        ([{"a": [1]}], ({"a": [1]},)),
    ],
)
def test_an_exception_comes_back_as_its_own_type_with_its_arguments(arguments, expected):
    job = a_job("dead", error="why")
    an_error(job, error_class="ValueError", error_module="builtins", error_args=arguments)

    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the arguments are compared below
        result(job.pk).get()
    assert caught.value.args == expected


@pytest.mark.parametrize(("fate", "error"), [("lost", WorkerLostError), ("timeout", TimeLimitExceeded)])
def test_what_the_workers_parent_has_noticed_is_celerys_own_exception(fate, error):
    job = a_job("dead", error="why")
    an_error(job, fate=fate)

    with pytest.raises(error, match="why"):
        result(job.pk).get()


def test_many_ids_are_four_queries(django_assert_max_num_queries):
    dead = [a_job("dead") for _ in range(20)]
    done = [a_job("succeeded", result=number) for number in range(20)]

    with django_assert_max_num_queries(4):
        found = outcomes.of([str(job.pk) for job in (*dead, *done)])

    assert [found[str(job.pk)].result for job in done] == list(range(20))
