"""The numbers, read from real rows."""

from datetime import date, timedelta

import pytest
from django.contrib.auth import get_user_model

from celery_ledger.models import JobError
from celery_ledger.states import JobState
from media_pipeline.models import Video, VideoState
from reports import figures
from reports.models import ReportKind
from reports.periods import period_with
from tests.rows import a_job, an_error

pytestmark = pytest.mark.django_db

DAY = period_with(ReportKind.DAILY, date(2026, 1, 7))
NOON = DAY.start + timedelta(hours=12)


def collected(period=DAY):
    return figures.collect(period, period.end)


def a_run(state=JobState.SUCCEEDED, at=NOON, wait=1.0, run=1.0, **fields):
    started = at - timedelta(seconds=run)
    return a_job(
        state, run_at=started - timedelta(seconds=wait), started_at=started, finished_at=at, **fields
    )


def test_a_quiet_day_has_no_tasks_and_a_course_of_nothing():
    found = collected()

    assert (found.tasks, found.succeeded, found.signups, found.minutes_encoded) == ((), 0, 0, 0.0)
    assert [moment.succeeded for moment in found.course] == [0] * 24


def test_jobs_are_counted_by_task_and_end():
    a_run(name="a.b")
    a_run(name="a.b")
    a_run(JobState.CANCELLED, name="a.b")
    dead = a_run(JobState.DEAD, name="a.c", queue="push")
    error = an_error(dead)
    JobError.objects.filter(pk=error.pk).update(at=NOON)

    found = collected()

    assert [(task.name, task.queue) for task in found.tasks] == [("a.b", "mail"), ("a.c", "push")]
    assert (found.tasks[0].succeeded, found.tasks[0].cancelled, found.tasks[1].dead) == (2, 1, 1)
    assert (found.succeeded, found.failed_attempts, found.dead) == (2, 1, 1)


def test_a_task_that_only_failed_so_far_is_there_too():
    error = an_error(a_job(JobState.RETRYING, "a.b"))
    JobError.objects.filter(pk=error.pk).update(at=NOON)

    (task,) = collected().tasks

    assert (task.failed_attempts, task.succeeded, task.run_median_seconds) == (1, 0, None)


def test_only_what_ended_in_the_period_counts():
    a_run(at=DAY.start)
    a_run(at=DAY.start - timedelta(microseconds=1))
    a_run(at=DAY.end)
    a_job(JobState.RUNNING)

    assert collected().succeeded == 1


def test_waits_and_runs_are_median_and_95th_percentile():
    for seconds in range(1, 102):
        a_run(wait=seconds, run=2 * seconds)

    (task,) = collected().tasks

    assert task.wait_median_seconds == pytest.approx(51, abs=0.01)
    assert task.wait_p95_seconds == pytest.approx(96, abs=0.01)
    assert task.run_median_seconds == pytest.approx(102, abs=0.01)
    assert task.run_p95_seconds == pytest.approx(192, abs=0.01)


def test_the_course_is_by_hour_of_a_day_and_by_day_of_a_week():
    a_run(at=DAY.start + timedelta(hours=3, minutes=59))
    a_run(JobState.DEAD, at=DAY.start + timedelta(hours=23))

    day, week = collected(), collected(period_with(ReportKind.WEEKLY, date(2026, 1, 7)))

    assert (day.course[3].succeeded, day.course[23].dead, len(day.course)) == (1, 1, 24)
    assert [(moment.succeeded, moment.dead) for moment in week.course] == [(0, 0)] * 2 + [(1, 1)] + [
        (0, 0)
    ] * 4


def test_people_and_films_are_counted():
    users = get_user_model().objects
    owner = users.create_user("a@example.org", created_at=NOON, verified_at=NOON)
    users.create_user("b@example.org", created_at=NOON)
    users.create_user("c@example.org", created_at=DAY.end)
    ready = {"state": VideoState.READY, "progress": 100, "finished_at": NOON}
    Video.objects.create(owner=owner, created_at=NOON, duration_seconds=90, **ready)
    Video.objects.create(owner=owner, created_at=DAY.start - timedelta(days=1), duration_seconds=60, **ready)
    Video.objects.create(owner=owner, created_at=NOON, state=VideoState.FAILED, error="no", finished_at=NOON)

    found = collected()

    assert (found.signups, found.verified) == (2, 1)
    assert (found.films_uploaded, found.films_ready, found.films_failed) == (2, 2, 1)
    assert found.minutes_encoded == pytest.approx(2.5)


@pytest.mark.parametrize(("days_later", "is_complete"), [(0, True), (30, False)])
def test_figures_of_forgotten_jobs_are_said_to_be_incomplete(days_later, is_complete):
    assert figures.collect(DAY, DAY.end + timedelta(days=days_later)).is_complete is is_complete


def test_last_weeks_report_is_complete_when_its_tick_comes():
    week = period_with(ReportKind.WEEKLY, date(2026, 1, 7))

    assert figures.collect(week, week.end + timedelta(minutes=30)).is_complete
