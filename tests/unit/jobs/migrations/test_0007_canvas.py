"""What the release before wrote into the ledger goes on after the migration: its chords, and its chains."""

from importlib import import_module
from uuid import uuid4

import pytest
from django.db import connection

from jobs import chords, queries, settle
from jobs.models import Chord, ChordPart, Job, StoredChain
from jobs.signatures import Part
from jobs.states import JobState
from tests.rows import a_job

pytestmark = pytest.mark.django_db

LEASE_SECONDS = 60


def a_step(task, *args, immutable=True, **options):
    """Return a signature as the release before stored it: JSON without types of its own."""
    return {
        "task": task,
        "args": list(args),
        "kwargs": {},
        "options": {"task_id": str(uuid4()), **options},
        "subtask_type": None,
        "immutable": immutable,
    }


def a_chord_of_before(returned, size=3, **fields):
    """Add a chord of which some parts have succeeded and one, the last, has failed or is under way."""
    chord = Chord.objects.create(
        group_id=uuid4(), body=a_step("test.total", immutable=False), size=size, **fields
    )
    for index, result in enumerate(returned):
        ChordPart.objects.create(chord=chord, index=index, succeeded=True, result=result)
    Chord.objects.update(returned=0)
    return chord


def migrate():
    with connection.cursor() as cursor:
        cursor.execute(import_module("jobs.migrations.0007_canvas")._COUNT)


def settle_next(name):
    """Let the one waiting job of this name succeed; return it."""
    job = Job.objects.get(name=name, state=JobState.QUEUED)
    claimed = queries.claim(str(job.pk), uuid4(), "w@host/1", LEASE_SECONDS)
    settle.succeed(settle.Attempt.of(claimed), job.args)
    return job


def test_a_chord_half_returned_has_its_body_with_all_results_once():
    chord = a_chord_of_before([1, 2])
    ChordPart.objects.create(chord=chord, index=2, succeeded=False)

    migrate()
    for _ in range(2):
        chords.return_part(Part(str(chord.pk), 1), str(uuid4()), 2)
    assert not Job.objects.exists()

    for _ in range(2):
        chords.return_part(Part(str(chord.pk), 2), str(uuid4()), 3)
    assert Job.objects.get().args == [[1, 2, 3]]


def test_a_chord_of_an_unknown_size_is_counted_as_well():
    chord = a_chord_of_before([1, 2], size=None)

    migrate()
    chords.set_size(str(chord.pk), 2)

    assert Job.objects.get().args == [[1, 2]]


def test_a_chain_stored_in_each_of_its_jobs_goes_on_to_its_end():
    steps = [a_step("test.note", f"step {number}") for number in range(6)]
    first = a_job(name="test.add", canvas={"chain": list(reversed(steps))})

    settle_next("test.add")
    ran = [settle_next("test.note") for _ in steps]

    assert [str(job.pk) for job in ran] == [step["options"]["task_id"] for step in steps]
    assert [job.args for job in ran] == [step["args"] for step in steps]
    assert {job.root_id for job in ran} == {first.pk}
    assert StoredChain.objects.count() <= 1
    assert not Job.objects.exclude(state=JobState.SUCCEEDED).exists()


def test_a_chain_that_ends_in_a_chord_counts_as_its_part():
    chord = a_chord_of_before([1], size=2)
    part = {"chord": chord.body, "group_id": str(chord.pk), "group_index": 1}
    steps = [a_step("test.note", number) for number in range(4)] + [a_step("test.note", "end", **part)]
    a_job(name="test.add", canvas={"chain": list(reversed(steps))})

    migrate()
    settle_next("test.add")
    for _ in steps:
        settle_next("test.note")

    assert Job.objects.get(name="test.total").args == [[1, ["end"]]]
