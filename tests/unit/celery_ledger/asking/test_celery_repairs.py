"""A canvas may be called again: each call has its own ids."""

import pytest
from celery import signature

from celery_ledger.asking.celery_repairs import repair_canvas
from celery_ledger.canvas import chain, chord, group
from celery_ledger.models import Chord, Job

pytestmark = pytest.mark.django_db

CANVASES = {
    "chain": lambda: signature("test.note") | signature("test.note"),
    "chain with a group": lambda: chain(
        signature("test.note"), group(signature("test.note"), signature("test.note"))
    ),
    "chain with a chord": lambda: chain(
        signature("test.note"), group(signature("test.note")), signature("test.note")
    ),
    "group": lambda: group(signature("test.note"), chain(signature("test.note"), signature("test.note"))),
    "chord": lambda: chord([signature("test.note"), signature("test.note")], signature("test.note")),
}


def ids_of(result):
    members = getattr(result, "results", None)
    return [result.id] if members is None else [task_id for member in members for task_id in ids_of(member)]


@pytest.mark.parametrize("canvas", CANVASES.values(), ids=CANVASES)
def test_each_call_of_a_canvas_has_its_own_ids(canvas):
    canvas = canvas()

    first, second = canvas.delay(1), canvas.delay(2)

    assert not set(ids_of(first)) & set(ids_of(second))
    assert sorted(args[0] for args in Job.objects.values_list("args", flat=True)) == sorted(
        [1, 2] * (Job.objects.count() // 2)
    )
    assert Chord.objects.count() in {0, 2}


def test_an_id_that_the_caller_has_set_stays():
    task_id = "5f6b2a3e-0000-4000-8000-000000000001"
    canvas = chain(signature("test.note"), signature("test.note")).set(task_id=task_id)

    assert canvas.delay(1).id == canvas.options["task_id"] == task_id


def test_repairing_twice_repairs_once():
    run = chain.run

    repair_canvas()

    assert chain.run is run
