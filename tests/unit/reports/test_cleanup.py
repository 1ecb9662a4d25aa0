"""Clean-up by the clock: what is over goes, what is not stays."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from knox.models import AuthToken

from accounts.logins.models import Session
from api.models import IdempotencyKey
from celery_ledger.models import Job
from celery_ledger.states import JobState
from config.celery import app
from config.schedule import SCHEDULE
from reports import cleanup, wishes
from reports.models import Report, ReportKind, ReportState
from tests.rows import a_job

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def test_sessions_and_tokens_go_when_their_time_is_over():
    now = timezone.now()
    user = get_user_model().objects.create_user("a@example.org")
    for name, expiry in (("old", -HOUR), ("young", HOUR)):
        Session.objects.create(session_key=name, session_data="", expire_date=now + expiry)
        AuthToken.objects.create(user, expiry=expiry)

    cleanup.forget_expired(now)
    cleanup.forget_expired(now)

    assert [session.session_key for session in Session.objects.all()] == ["young"]
    assert [token.expiry > now for token in AuthToken.objects.all()] == [True]


def test_stored_answers_go_after_a_day():
    now = timezone.now()
    for key, age in (("old", 25 * HOUR), ("young", HOUR)):
        IdempotencyKey.objects.create(
            owner="o",
            operation="POST /",
            key=key,
            request_hash="h",
            status=201,
            body="{}",
            created_at=now - age,
        )

    cleanup.forget_expired(now)

    assert [row.key for row in IdempotencyKey.objects.all()] == ["young"]


def test_old_settled_jobs_go_in_batches_and_others_stay():
    old = timezone.now() - timedelta(days=8)
    for _ in range(5):
        a_job(JobState.SUCCEEDED, finished_at=old)
    kept = {a_job(JobState.SUCCEEDED).pk, a_job(JobState.DEAD, finished_at=old).pk, a_job(created_at=old).pk}

    assert cleanup.purge_jobs(batch=2) == 5
    assert cleanup.purge_jobs(batch=2) == 0
    assert set(Job.objects.values_list("pk", flat=True)) == kept


def test_no_job_goes_while_a_report_is_being_written():
    a_job(JobState.SUCCEEDED, finished_at=timezone.now() - timedelta(days=8))
    wishes.wish(ReportKind.WEEKLY, None, timezone.now())

    while_it_is_written = cleanup.purge_jobs()
    Report.objects.update(state=ReportState.FAILED)

    assert (while_it_is_written, cleanup.purge_jobs()) == (0, 1)


def test_everything_that_is_scheduled_is_a_task():
    assert {entry["task"] for entry in SCHEDULE.values()} <= set(app.tasks)
    assert {"reports.daily", "reports.weekly", "reports.purge_jobs", "media_pipeline.sweep"} <= {
        entry["task"] for entry in SCHEDULE.values()
    }
