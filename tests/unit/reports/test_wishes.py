"""Asking for reports: one a period, one job a report."""

from datetime import UTC, date, datetime

import pytest
from django.db import IntegrityError, transaction

from celery_ledger.models import Job
from celery_ledger.states import JobState
from reports import wishes
from reports.errors import NotOverYet
from reports.models import Report, ReportKind, ReportState

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 12, 0, 30, tzinfo=UTC)


def test_a_new_report_has_a_job():
    report = wishes.wish(ReportKind.WEEKLY, None, NOW)

    job = Job.objects.get()
    assert (job.name, job.args, job.queue) == ("reports.build", [str(report.pk)], "reports")
    assert (report.state, report.period_start.date()) == (ReportState.QUEUED, date(2026, 1, 5))


def test_the_second_wish_gets_the_first_ones_report_and_no_job():
    first = wishes.wish(ReportKind.WEEKLY, date(2026, 1, 5), NOW)
    second = wishes.wish(ReportKind.WEEKLY, date(2026, 1, 11), NOW)

    assert first == second
    assert Job.objects.count() == 1


def test_a_day_and_a_week_that_begin_together_are_two_reports():
    wishes.wish(ReportKind.WEEKLY, date(2026, 1, 5), NOW)
    wishes.wish(ReportKind.DAILY, date(2026, 1, 5), NOW)

    assert Report.objects.count() == Job.objects.count() == 2


@pytest.mark.parametrize("kind", ReportKind)
@pytest.mark.parametrize("day", [date(2026, 1, 12), date(2027, 1, 1), date.max])
def test_a_period_that_is_not_over_is_refused(kind, day):
    with pytest.raises(NotOverYet):
        wishes.wish(kind, day, NOW)

    assert not Report.objects.exists()


def test_a_failed_report_is_wished_for_again_with_the_same_job():
    report = wishes.wish(ReportKind.DAILY, None, NOW)
    Job.objects.update(state=JobState.DEAD, finished_at=NOW)
    wishes.fail(str(report.pk))
    wishes.fail(str(report.pk))
    assert Report.objects.get().state == ReportState.FAILED

    again = wishes.wish(ReportKind.DAILY, None, NOW)

    assert (again.pk, again.state) == (report.pk, ReportState.QUEUED)
    assert Job.objects.get().state == JobState.QUEUED


def test_a_ready_report_does_not_fail_any_more():
    report = wishes.wish(ReportKind.DAILY, None, NOW)
    Report.objects.update(state=ReportState.READY, html="a", csv="b", pdf="c")

    wishes.fail(str(report.pk))

    assert Report.objects.get().state == ReportState.READY


@pytest.mark.parametrize(
    "fields",
    [{"state": "ready"}, {"state": "odd"}, {"kind": "odd"}, {"period_end": datetime(2026, 1, 1, tzinfo=UTC)}],
)
def test_a_row_that_cannot_be_is_refused(fields):
    whole = {"kind": "daily", "period_start": NOW, "period_end": datetime(2026, 2, 1, tzinfo=UTC), **fields}

    with pytest.raises(IntegrityError), transaction.atomic():
        Report.objects.create(**whole)
