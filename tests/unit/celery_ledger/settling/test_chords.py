"""Parts counted once, the body asked for once."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from celery import signature
from django.db import connection, transaction

from celery_ledger.asking.signatures import Part
from celery_ledger.canvas import chain, chord, group, step
from celery_ledger.models import Chord, ChordPart, Job
from celery_ledger.settling import chords, continuation

pytestmark = pytest.mark.django_db

PART_ID = str(uuid4())


def a_chord(size=2, **options):
    body = signature("test.total").set(task_id=str(uuid4()), **options)
    return str(Chord.objects.create(group_id=uuid4(), body=dict(body), size=size).pk)


def test_a_part_returned_twice_is_counted_once():
    group_id = a_chord()

    for _ in range(2):
        chords.return_part(Part(group_id, 0), PART_ID, 3)

    assert not Job.objects.exists()
    chords.return_part(Part(group_id, 1), PART_ID, 4)
    assert Job.objects.get().args == [[3, 4]]


def test_a_body_is_asked_for_once_however_often_its_parts_return():
    group_id = a_chord()

    for index in (0, 1, 1, 0):
        chords.return_part(Part(group_id, index), PART_ID, index)

    assert Job.objects.count() == 1


def test_parts_may_return_before_the_size_is_known():
    group_id = a_chord(size=None)

    chords.return_part(Part(group_id, 0), PART_ID, 1)
    assert not Job.objects.exists()
    chords.set_size(group_id, 1)

    assert Job.objects.get().args == [[1]]


def test_a_size_once_known_stays():
    group_id = a_chord(size=2)

    chords.set_size(group_id, 1)

    assert Chord.objects.get().size == 2


def test_a_body_once_kept_stays():
    group_id = str(uuid4())

    chords.open_chord(group_id, {"first": True})
    chords.open_chord(group_id, {"second": True})

    assert Chord.objects.get().body == {"first": True}


def test_the_first_dead_part_calls_the_errback_with_the_bodys_id_and_the_others_do_not():
    group_id = a_chord(size=3, link_error=[dict(signature("test.note"))])

    first, second = str(uuid4()), str(uuid4())
    for index, job_id in enumerate((first, second)):
        chords.fail_part(Part(group_id, index), job_id, 1, job_id)

    assert Job.objects.get().args == [Chord.objects.get().body["options"]["task_id"]]
    assert str(Job.objects.get().parent_id) == first


def test_a_part_that_is_dead_again_calls_the_errback_again():
    group_id = a_chord(link_error=[dict(signature("test.note"))])

    for attempt in (5, 10):
        chords.fail_part(Part(group_id, 0), PART_ID, attempt, PART_ID)

    assert Job.objects.count() == 2


def test_a_dead_part_does_not_count_until_it_succeeds_after_all():
    group_id = a_chord()
    chords.fail_part(Part(group_id, 0), PART_ID, 1, PART_ID)

    chords.return_part(Part(group_id, 1), PART_ID, 4)
    assert not Job.objects.exists()
    chords.return_part(Part(group_id, 0), PART_ID, 3)

    assert Job.objects.get().args == [[3, 4]]


def test_a_chord_that_is_dead_makes_its_place_in_an_outer_one_dead():
    outer = a_chord(link_error=[dict(step("test.note", "outer"))])
    inner = a_chord(chord=True, group_id=outer, group_index=1)

    chords.fail_part(Part(inner, 0), PART_ID, 1, PART_ID)

    assert ChordPart.objects.get(chord_id=outer).index == 1
    assert Job.objects.get().args == ["outer"]


def test_a_chord_long_purged_is_let_be():
    chords.return_part(Part(str(uuid4()), 0), PART_ID, 3)
    chords.fail_part(Part(str(uuid4()), 0), PART_ID, 1, PART_ID)

    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_last_parts_at_one_instant_ask_for_the_body_once():
    group_id = a_chord()

    def give_back(index):
        with transaction.atomic():
            chords.return_part(Part(group_id, index), PART_ID, index)
        connection.close()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(give_back, range(2)))

    assert Job.objects.get().args == [[0, 1]]


def test_a_part_that_ends_in_a_group_is_one_list():
    result = chord(
        [
            step("test.note", 1),
            chain(step("test.note", 2), group(step("test.note", 3), step("test.note", 4))),
        ],
        signature("test.note"),
    ).delay()

    run_all()

    assert Job.objects.get(pk=result.id).args == [[[1], [[3], [4]]]]


def test_one_part_that_ends_in_a_group_is_a_list_of_one_list():
    header = [chain(step("test.note", 2), group(step("test.note", 3), step("test.note", 4)))]

    result = chord(header, signature("test.note")).delay()
    run_all()

    assert Job.objects.get(pk=result.id).args == [[[[3], [4]]]]


def test_groups_made_by_a_generator_are_counted_by_their_jobs():
    header = (group(step("test.note", n), step("test.note", n + 1)) for n in (0, 2))

    result = chord(header, signature("test.note")).delay()
    run_all()

    assert Job.objects.filter(pk=result.id).exists()


def test_a_part_that_is_added_comes_last():
    group_id = a_chord(size=1)
    chords.add_part(group_id, PART_ID)

    chords.return_part(Part(group_id, 0), PART_ID, "added")
    assert not Job.objects.exists()
    chords.return_part(Part(group_id, 0), str(uuid4()), "first")

    assert Job.objects.get().args == [["first", "added"]]


@pytest.mark.parametrize("size", [3, 300])
def test_a_part_costs_the_same_whatever_the_size(size, django_assert_max_num_queries):
    group_id = a_chord(size=size)
    for index in range(size - 2):
        chords.return_part(Part(group_id, index), PART_ID, index)

    with django_assert_max_num_queries(3):
        chords.return_part(Part(group_id, size - 2), PART_ID, 0)


def run_all():
    """Settle all that waits with its arguments as results, until only what none of them leads to is left."""
    seen: set[UUID] = set()
    while waiting := list(Job.objects.filter(name="test.note").exclude(pk__in=seen)):
        for job in waiting:
            seen.add(job.pk)
            continuation.enqueue_next(str(job.pk), str(job.root_id), job.canvas, job.args)
            if job.canvas.get("chord"):
                chords.return_part(Part(str(job.group_id), job.group_index), str(job.pk), job.args)


def test_an_empty_header_asks_for_its_body_at_once():
    result = chord([], signature("test.total")).apply_async()

    assert Job.objects.get(pk=result.id).args == [[]]


def test_an_errback_that_celery_copies_to_a_chord_in_the_header_is_called_once():
    inner = chord([step("test.note", 1), step("test.refuse")], step("test.note", 2))
    outer = chord(group([step("test.note", 3), inner]), step("test.note", "body"))
    outer.link_error(step("test.note", "errback"))
    outer.delay()

    failed = Job.objects.get(name="test.refuse")
    chords.fail_part(Part(str(failed.group_id), failed.group_index), str(failed.pk), 1, str(failed.pk))

    assert Job.objects.filter(args=["errback"]).count() == 1
