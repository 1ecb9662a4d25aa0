"""Letting go of settled jobs."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from celery_ledger.models import Chord, ChordPart, Job, JobError
from celery_ledger.operations.retention import purge
from celery_ledger.states import FINISHED, JobState
from tests.rows import a_job, an_error

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def week(settings):
    settings.JOB_RETENTION_DAYS = 7


def days_ago(days):
    return timezone.now() - timedelta(days=days)


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.CANCELLED])
def test_settled_jobs_go_after_their_days(state):
    a_job(state, finished_at=days_ago(8))
    young = a_job(state, finished_at=days_ago(6))

    assert purge() == 1
    assert Job.objects.get() == young


def test_dead_jobs_stay_ten_times_as_long():
    old, forgotten = (a_job(JobState.DEAD, finished_at=days_ago(days)) for days in (60, 71))
    an_error(forgotten)

    assert purge() == 1
    assert Job.objects.get() == old
    assert not JobError.objects.exists()


@pytest.mark.parametrize("state", [state for state in JobState if state not in FINISHED])
def test_unfinished_jobs_stay_however_old(state):
    a_job(state, created_at=days_ago(1000), run_at=days_ago(1000))

    assert purge() == 0


def test_a_batch_bounds_the_work():
    for _ in range(3):
        a_job(JobState.SUCCEEDED, finished_at=days_ago(8))

    assert [purge(batch=2), purge(batch=2), purge(batch=2)] == [2, 1, 0]


def test_chords_go_when_their_body_was_asked_for_or_never_will_be():
    for days, fired_at in ((8, days_ago(8)), (71, None)):
        Chord.objects.create(group_id=uuid4(), body={}, fired_at=fired_at, created_at=days_ago(days))
    waiting = Chord.objects.create(group_id=uuid4(), body={}, created_at=days_ago(60))
    for chord in Chord.objects.all():
        ChordPart.objects.create(chord=chord, index=0, succeeded=True)

    purge()

    assert Chord.objects.get() == waiting
    assert ChordPart.objects.get().chord == waiting


def test_a_batch_bounds_the_chords_too():
    for _ in range(3):
        Chord.objects.create(group_id=uuid4(), body={}, fired_at=days_ago(8), created_at=days_ago(9))

    purge(batch=2)
    assert Chord.objects.count() == 1
    purge(batch=2)
    assert not Chord.objects.exists()
