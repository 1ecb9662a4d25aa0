"""Every form of canvas on a real worker: what follows what, counted in the ledger."""

import json

import pytest
from celery import current_app, signature

from celery_ledger import control
from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.canvas import chain, chord, group, step
from celery_ledger.models import Chord, Job
from tests.eventually import eventually
from tests.integration.stage import settled
from tests.integration.testtasks import effects

pytestmark = pytest.mark.usefixtures("running_stage")


def add(*numbers):
    return signature("test.add", args=numbers)


def total():
    return signature("test.total")


def plain(canvas):
    return json.loads(json.dumps(canvas))


def result_of(job_id):
    return settled(job_id)[0].result


def family_of(job_id):
    return Job.objects.filter(root_id=Job.objects.values_list("root_id", flat=True).get(pk=job_id))


def test_a_chain_hands_each_result_to_the_next_step():
    job_id = enqueue(chain(add(1, 2), add(3), add(4)))

    assert result_of(job_id) == 10


@pytest.mark.parametrize(
    ("canvas", "expected"),
    [
        pytest.param(lambda: chord([add(1, 2), add(3, 4)], total()), 10, id="chord"),
        pytest.param(
            lambda: chord([chain(add(1, 2), add(1)), chain(add(3, 4), add(1))], total()),
            12,
            id="chord of chains",
        ),
        pytest.param(
            lambda: chord([chord([add(1, 2), add(3, 4)], total()), add(1, 1)], total()),
            12,
            id="nested chords",
        ),
        pytest.param(lambda: chain(add(1, 2), group(add(1), add(2)), total()), 9, id="group in a chain"),
        pytest.param(
            lambda: chain(add(1, 2), group(add(1), add(2)), total(), group(add(1), add(2)), total()),
            21,
            id="two groups in a chain",
        ),
        pytest.param(
            lambda: chord([group(add(1, 2), add(3, 4)), add(5, 6)], total()), 21, id="group in a header"
        ),
        pytest.param(
            lambda: chord([add(1, 2), add(3, 4)], chain(total(), add(5), add(6))), 21, id="chain as body"
        ),
        pytest.param(
            lambda: chord([add(1, 2), chain(add(1, 1), group(add(1), add(2)), total())], total()),
            10,
            id="chain with a group in a header",
        ),
        pytest.param(lambda: chord([], total()), 0, id="empty header"),
    ],
)
def test_a_chord_hands_all_results_to_its_body(canvas, expected):
    job_id = enqueue(canvas())

    assert result_of(job_id) == expected


def test_a_chord_hands_over_results_in_the_order_of_its_header_and_not_of_their_arrival():
    header = [chain(add(number, 0), add(0), add(0)) if number % 2 else add(number, 0) for number in range(8)]

    job_id = enqueue(chord(header, signature("test.note")))

    assert result_of(job_id) == [list(range(8))]


def test_a_task_is_mapped_over_many_arguments_in_one_job():
    task = current_app.tasks["test.add"]

    one_job, two_jobs = enqueue(task.starmap([[1, 2], [3, 4]])), task.chunks([[1, 2], [3, 4], [5, 6]], 2)()

    assert result_of(one_job) == [3, 7]
    assert [result_of(part.id) for part in two_jobs.results] == [[3, 7], [11]]


def test_a_group_runs_all_its_parts_in_one_family():
    enqueue(group(step("test.note", "g1"), step("test.note", "g2"), step("test.note", "g3")))

    parts = eventually(lambda: effects.noted("note ['g") or None)
    eventually(lambda: len(effects.noted("note ['g")) == 3)
    roots = Job.objects.filter(pk__in=[part.job_id for part in effects.noted("note ['g")]).values_list(
        "root_id"
    )
    assert len(set(roots)) == 1
    assert parts[0].job_id


def test_all_jobs_of_a_canvas_have_one_root():
    job_id = enqueue(chain(add(1, 2), group(add(1), add(2)), total(), add(1)))

    result_of(job_id)
    assert family_of(job_id).count() == 5


def test_a_callback_gets_the_result():
    first = add(1, 2)
    first.link(signature("test.note", args=("linked",)))

    job_id = enqueue(first)

    settled(job_id)
    follower = eventually(lambda: family_of(job_id).filter(name="test.note").first())
    settled(str(follower.pk))
    assert [effect.note for effect in effects.of(str(follower.pk))] == ["note [3, 'linked']"]


@pytest.mark.parametrize("becoming", ["test.become", "test.become_atomically"])
@pytest.mark.parametrize(
    ("canvas", "expected"),
    [
        pytest.param(lambda: add(1, 2), 3, id="by a task"),
        pytest.param(lambda: chain(add(1, 2), add(3)), 6, id="by a chain"),
        pytest.param(lambda: group(add(1, 2), add(3, 4)), [3, 7], id="by a group"),
        pytest.param(lambda: chord([add(1, 2), add(3, 4)], total()), 10, id="by a chord"),
        pytest.param(
            lambda: chain(add(1, 2), group(add(1), add(2))), [4, 5], id="by a chain that ends in a group"
        ),
    ],
)
def test_a_replaced_job_returns_what_its_replacement_returns(becoming, canvas, expected):
    job_id = enqueue(becoming, plain(canvas()))

    assert result_of(job_id) == expected


def test_a_job_replaced_inside_a_chain_hands_on_the_replacements_result():
    become = step("test.become", plain(group(add(1, 2), add(3, 4))))

    job_id = enqueue(chain(become, total(), add(1)))

    assert result_of(job_id) == 11


@pytest.mark.parametrize(
    "canvas",
    [
        pytest.param(lambda: add(1, 2), id="by a task"),
        pytest.param(lambda: chain(add(1, 1), add(1)), id="by a chain"),
        pytest.param(lambda: chain(group(add(1, 1), add(0, 1)), total()), id="by a chord"),
    ],
)
def test_a_part_that_is_replaced_counts_once_with_the_replacements_result(canvas):
    header = [step("test.become", plain(canvas())), add(3, 4)]

    job_id = enqueue(chord(header, total()))

    assert result_of(job_id) == 10


def test_a_part_that_is_replaced_by_a_group_counts_once_with_its_list():
    header = [step("test.become", plain(group(add(1, 2), add(3, 4)))), add(5, 6)]

    job_id = enqueue(chord(header, signature("test.note")))

    assert result_of(job_id) == [[[3, 7], 11]]


@pytest.mark.parametrize(
    "canvas",
    [
        pytest.param(lambda: chain(step("test.refuse"), add(1)), id="a chain"),
        pytest.param(lambda: group(step("test.refuse"), add(1, 1)), id="a group"),
        pytest.param(lambda: chain(add(1, 1), group(step("test.refuse"), add(1)), total()), id="a chord"),
    ],
)
def test_a_job_whose_replacement_fails_is_dead(canvas):
    job_id = enqueue("test.become", plain(canvas()))

    job = settled(job_id, as_="dead")[0]
    assert "of its replacement is dead" in job.error


def test_a_job_may_be_replaced_by_itself():
    job_id = enqueue("test.count_down", 3)

    assert result_of(job_id) == "lift off"
    assert [effect.note for effect in effects.of(job_id)] == ["count 3", "count 2", "count 1", "count 0"]


def test_a_dead_job_calls_its_errback_with_its_id():
    job_id = enqueue(signature("test.refuse").on_error(signature("test.note", args=("errback",))))

    settled(job_id, as_="dead")
    errback = eventually(lambda: family_of(job_id).filter(name="test.note").first())
    assert settled(str(errback.pk))[0].result == [job_id, "errback"]


def test_a_dead_step_ends_its_chain_and_calls_the_chains_errback():
    canvas = chain(add(1, 2), signature("test.refuse"), signature("test.note", args=("never",)))

    enqueue(canvas.on_error(step("test.note", "chain failed")))

    eventually(lambda: effects.noted("note ['chain failed']"))
    assert not effects.noted("note [None, 'never']")


CHORD_FAILURES = [
    pytest.param(lambda: [add(1, 2), step("test.refuse")], id="a part"),
    pytest.param(lambda: [add(1, 2), chain(step("test.refuse"), add(1), add(2))], id="a chain in the header"),
    pytest.param(
        lambda: [add(1, 2), chain(add(1, 1), step("test.refuse"), chord([add(1), add(2)], total()))],
        id="a chain with a chord behind",
    ),
    pytest.param(
        lambda: [add(1, 2), chord([step("test.refuse"), add(1, 1)], total())], id="a chord in the header"
    ),
    pytest.param(
        lambda: [add(1, 2), chord([add(1, 1), add(1, 1)], step("test.refuse"))],
        id="the body of a chord in the header",
    ),
]


@pytest.mark.parametrize("header", CHORD_FAILURES)
def test_a_chord_whose_header_fails_calls_its_errback_and_never_its_body(header, request):
    text = f"failed: {request.node.callspec.id}"

    body_id = enqueue(chord(header(), total().on_error(step("test.note", text))))

    eventually(lambda: effects.noted(f"note ['{text}']"))
    assert not Job.objects.filter(pk=body_id).exists()
    assert not Chord.objects.filter(body__options__task_id=body_id).exclude(fired_at=None).exists()


def test_a_chain_that_fails_before_its_chord_starts_neither_header_nor_body():
    canvas = chain(step("test.refuse"), group(add(1), add(2)), total())

    job_id = enqueue(canvas.on_error(step("test.note", "before the chord")))

    eventually(lambda: effects.noted("note ['before the chord']"))
    assert not Job.objects.filter(pk=job_id).exists()


def test_a_part_and_its_chord_may_both_have_an_errback():
    part = step("test.refuse").on_error(step("test.note", "errback of the part"))

    enqueue(chord([part, add(1, 2)], total().on_error(step("test.note", "errback of the chord"))))

    eventually(lambda: effects.noted("note ['errback of the part']"))
    eventually(lambda: effects.noted("note ['errback of the chord']"))


def test_two_dead_parts_call_the_errback_once():
    header = [step("test.refuse"), step("test.refuse"), step("test.refuse")]

    enqueue(chord(header, total().on_error(step("test.note", "one for three"))))

    eventually(lambda: Job.objects.filter(name="test.refuse", state="dead").count() >= 3)
    eventually(lambda: not Job.objects.filter(state__in=["queued", "running", "retrying"]).exists())
    assert len(effects.noted("note ['one for three']")) == 1


def test_a_dead_part_retried_by_hand_completes_its_chord():
    part = signature("test.refuse_until", args=(2, 5), immutable=True)
    body_id = enqueue(chord([part, add(1, 2)], total()))
    dead = eventually(lambda: Job.objects.filter(name="test.refuse_until", state="dead").first())

    assert control.retry(dead.pk)

    assert result_of(body_id) == 8


def test_flowers_way_of_asking_goes_through_the_ledger():
    result = current_app.send_task("test.add", args=[1, 2])

    assert result.get(timeout=10) == 3
    assert Job.objects.get(pk=result.id).state == "succeeded"
