"""What always holds in the ledger, tried by breaking it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from celery_ledger.models import Chord, ChordPart, Job
from celery_ledger.states import FINISHED, JobState
from tests.rows import a_job, an_error

pytestmark = pytest.mark.django_db


def refused(constraint):
    return pytest.raises(IntegrityError, match=constraint)


def update(job, **fields):
    with transaction.atomic():
        Job.objects.filter(pk=job.pk).update(**fields)


def test_a_state_that_nobody_knows_is_refused():
    job = a_job()

    with refused("ledger_job_state_known"):
        update(job, state="lost")


@pytest.mark.parametrize("state", [state for state in JobState if state != JobState.RUNNING])
def test_only_a_running_job_is_held(state):
    job = a_job(state)

    with refused("ledger_job_running_is_claimed"):
        update(job, claim_token=uuid4())
    with refused("ledger_job_running_is_claimed"):
        update(job, lease_until=timezone.now())


@pytest.mark.parametrize("field", ["claim_token", "lease_until"])
def test_a_running_job_is_held(field):
    job = a_job(JobState.RUNNING)

    with refused("ledger_job_running_is_claimed"):
        update(job, **{field: None})


@pytest.mark.parametrize("state", FINISHED)
def test_a_finished_job_says_when(state):
    job = a_job(state)

    with refused("ledger_job_finished_has_time"):
        update(job, finished_at=None)


def test_an_unfinished_job_does_not():
    job = a_job(JobState.QUEUED)

    with refused("ledger_job_finished_has_time"):
        update(job, finished_at=timezone.now())


def test_a_unique_key_is_there_once_in_whatever_state():
    a_job(JobState.DEAD, unique_key="k")

    with refused("ledger_job_unique_key"), transaction.atomic():
        a_job(unique_key="k")


def test_one_job_of_an_order_key_runs_at_a_time():
    a_job(JobState.RUNNING, order_key="k")
    waiting = a_job(order_key="k")

    with refused("ledger_job_one_running_per_key"):
        update(waiting, state="running", claim_token=uuid4(), lease_until=timezone.now())
    a_job(JobState.RUNNING, order_key="another")


def test_a_part_of_a_chord_is_counted_once():
    chord = Chord.objects.create(group_id=uuid4(), body={})
    ChordPart.objects.create(chord=chord, index=0, succeeded=True)

    with refused("ledger_chordpart_once"), transaction.atomic():
        ChordPart.objects.create(chord=chord, index=0, succeeded=True)


@pytest.mark.parametrize("field", ["attempts", "max_attempts", "publications", "attempts_before"])
def test_counts_are_never_negative(field):
    job = a_job()

    with refused(field):
        update(job, **{field: -1})


def test_jobs_are_numbered_in_the_order_of_asking():
    numbers = [a_job().seq for _ in range(3)]

    assert numbers == sorted(set(numbers))


def test_rows_say_what_they_are():
    job = a_job(JobState.DEAD, name="test.add")

    assert str(job) == f"test.add {job.pk} (dead)"
    assert str(an_error(job, message="why")) == "attempt 1: bug: why"
    chord = Chord(group_id=uuid4(), size=2)
    assert str(chord) == f"chord {chord.pk} of 2"
    assert str(ChordPart(chord=chord, index=1)) == f"part 1 of {chord.pk}"
    assert timedelta(0) <= timezone.now() - job.created_at
