"""A canvas as a tree."""

import json

import pytest
from celery import current_app, signature
from celery.exceptions import QueueNotFound

from celery_ledger.asking import signatures
from celery_ledger.asking.signatures import Part
from celery_ledger.canvas import chain, chord, group, step


def note(text):
    return step("test.note", text)


def ids_of(canvas, seed="seed"):
    return signatures.ids_in([signatures.with_fixed_ids(current_app, canvas, seed)])


CANVASES = [
    note(1),
    chain(note(1), note(2)),
    group(note(1), note(2)),
    chord([note(1), note(2)], note(3)),
    chain(note(1), group(note(2), note(3)), note(4), chord([note(5)], chain(note(6), note(7)))),
]


@pytest.mark.parametrize("canvas", CANVASES)
def test_ids_follow_from_the_seed(canvas):
    assert ids_of(canvas) == ids_of(canvas)
    assert not set(ids_of(canvas)) & set(ids_of(canvas, "another seed"))
    assert len(set(ids_of(canvas))) == len(ids_of(canvas))


@pytest.mark.parametrize("canvas", CANVASES)
def test_fixing_ids_leaves_the_askers_canvas_alone(canvas):
    before = json.dumps(canvas)

    signatures.with_fixed_ids(current_app, canvas, "seed")

    assert json.dumps(canvas) == before


def test_an_id_that_is_fixed_already_stays():
    fixed = signatures.with_fixed_ids(current_app, note(1).set(task_id="mine"), "seed")

    assert fixed.options["task_id"] == "mine"


@pytest.mark.parametrize(
    ("canvas", "first"),
    [
        (note(1), [1]),
        (chain(note(1), note(2)), [1]),
        (chain(group(note(1), note(2)), note(3)), [1, 2]),
        (group(note(1), chain(note(2), note(3))), [1, 2]),
        (chord([note(1), chord([note(2)], note(3))], note(4)), [1, 2]),
    ],
)
def test_a_canvas_begins_with_what_waits_for_nothing(canvas, first):
    assert [node["args"][0] for node in signatures.first_jobs(canvas)] == first


def test_the_end_of_a_canvas_fills_the_part():
    end = note(2).set(chord=True, group_id="g", group_index=3)

    assert signatures.part_of(end) == Part("g", 3)
    assert signatures.part_of({**note(1), "options": {"chain": [end, note(1)]}}) == Part("g", 3)
    assert signatures.part_of(chord([note(1)], end)) == Part("g", 3)
    assert signatures.part_of(chain(note(1), end)) == Part("g", 3)
    assert signatures.part_of(note(1)) is None


def test_the_errbacks_of_a_canvas_are_its_own_or_those_of_its_beginning():
    errback = signature("test.note", args=("errback",))

    assert signatures.errbacks_of(note(1)) == []
    assert signatures.errbacks_of(note(1).on_error(errback)) == [errback]
    assert signatures.errbacks_of(chain(note(1).on_error(errback), note(2))) == [errback]
    assert signatures.errbacks_of(chord([note(1)], note(2).on_error(errback))) == [errback]
    assert signatures.errbacks_of(group(note(1).on_error(errback), note(2).on_error(errback))) == [
        errback,
        errback,
    ]


def test_a_signature_may_be_an_argument_if_its_own_arguments_can_be_written():
    signatures.check_call(current_app, "test.note", [signature("test.add", args=(1, (2,)))], {})

    with pytest.raises(TypeError, match=r"test\.note: arguments cannot be written as JSON"):
        signatures.check_call(current_app, "test.note", [signature("test.add", args=(1, {2}))], {})


@pytest.mark.parametrize(
    "canvas",
    [
        chain(note(1), note(2).set(queue="gone")),
        note(1).on_error(note(2).set(queue="gone")),
        chord([note(1)], note(2).set(queue="gone")),
    ],
)
def test_a_queue_that_is_not_there_is_refused_wherever_it_stands(canvas):
    with pytest.raises(QueueNotFound, match=r"test\.note: queue 'gone'"):
        signatures.check_tree(current_app, canvas, gets_result=False)
