"""What became of a job is known by its id, also where another one's failure has left it out."""

from uuid import uuid4

import pytest
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import current_app, signature
from celery.exceptions import ChordError, Ignore, QueueNotFound, TaskRevokedError

from celery_ledger import control
from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.canvas import chain, chord, group, step
from celery_ledger.errors import Permanent
from celery_ledger.models import Chord, Job
from celery_ledger.settling import outcomes, rescue
from tests.rows import a_job, an_error
from tests.unit.celery_ledger import worker

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


@pytest.mark.parametrize("job_id", ["no-uuid", "", "7a2b1c9e", "\x00"])
def test_an_id_that_no_job_can_have_is_pending(job_id):
    assert outcomes.of([job_id])[job_id].status == "PENDING"
    assert not outcomes.of([job_id], only_failed=True)


def test_an_id_is_known_in_every_form_of_a_uuid():
    job = a_job("succeeded", result=3)

    assert result(job.pk.hex).get() == 3
    assert result(str(job.pk).upper()).id == str(job.pk).upper()


@pytest.mark.parametrize(
    ("own_state", "error"),
    [(None, TaskRevokedError), ("PROGRESS", TaskRevokedError), ("FAILURE", RuntimeError)],
)
@pytest.mark.parametrize("in_header", [False, True])
def test_what_follows_a_body_that_raises_ignore_is_told(declare, own_state, error, in_header):
    def leave(self):
        if own_state:
            self.update_state(state=own_state, meta={"at": 1})
        raise Ignore

    first = declare(leave, bind=True).si()
    canvas = (
        chord([first, add(1, 2)], signature("test.note")) if in_header else first | signature("test.note")
    )
    end = canvas.delay()

    run(first.task)

    with pytest.raises(error):
        end.get(timeout=5)


def test_a_refused_body_of_a_chord_fails_with_the_reason():
    body = {**dict(step("test.note")), "options": {"task_id": str(uuid4()), "queue": "gone"}}
    body["options"]["chain"] = [dict(step("test.note").set(task_id=str(uuid4())))]
    header = Chord.objects.create(group_id=uuid4(), size=1, body=body)
    last = a_job(name="test.add", args=[1, 2], canvas={"chord": True}, group_id=header.pk, group_index=0)

    worker.deliver(last.pk)

    assert last.failures.get().fate == "refused"
    assert result(last.pk).get() == 3
    for job_id in (body["options"]["task_id"], body["options"]["chain"][0]["options"]["task_id"]):
        with pytest.raises(QueueNotFound, match="gone"):
            result(job_id).get(timeout=5)


def test_a_refused_body_fails_the_chord_that_it_is_a_part_of():
    end = str(uuid4())
    outer = Chord.objects.create(group_id=uuid4(), size=2, body=dict(step("test.note").set(task_id=end)))
    options = {
        "task_id": str(uuid4()), "queue": "gone", "chord": True, "group_id": str(outer.pk), "group_index": 0,
    }  # fmt: skip
    inner = Chord.objects.create(
        group_id=uuid4(), size=1, body={**dict(step("test.note")), "options": options}
    )
    last = a_job(name="test.add", args=[1, 2], canvas={"chord": True}, group_id=inner.pk, group_index=0)

    worker.deliver(last.pk)

    with pytest.raises(ChordError, match="QueueNotFound"):
        result(end).get(timeout=5)


def test_a_refused_errback_does_not_hide_why_its_job_is_dead():
    job = a_job(
        name="test.refuse", canvas={"errbacks": [{**dict(step("test.note")), "options": {"queue": "gone"}}]}
    )

    worker.deliver(job.pk)

    assert [failure.fate for failure in job.failures.order_by("id")] == ["permanent", "refused"]
    with pytest.raises(Permanent, match="never"):
        result(job.pk).get(timeout=5)


def test_a_group_behind_a_chord_that_failed_raises_what_failed_in_it():
    end = chain(group(add(1, 2), step("test.refuse")), group(add(1), add(2))).delay()

    run("test.refuse")

    with pytest.raises(Permanent, match="never"):
        end.get(timeout=5)
