"""Asking for a report, and what becomes of the wish."""

from datetime import UTC, date, datetime

from django.db import transaction

from celery_ledger import control, enqueue, step
from reports import periods, queries
from reports.errors import NotOverYet
from reports.models import Report, ReportKind, ReportState


@transaction.atomic
def wish(kind: ReportKind, day: date | None, now: datetime) -> Report:
    """Return the report on the period of `day` (None: the last that is over); its job is enqueued if it is new.

    Raises NotOverYet. Twice: the same report and the same job; a failed report's job is queued again.
    """
    # Before the period is computed: it may end after the last day that there is.
    if day is not None and day > now.astimezone(UTC).date():
        raise NotOverYet
    period = periods.period_with(kind, day) if day else periods.last_over(kind, now)
    if not period.is_over(now):
        raise NotOverYet
    report, is_new = queries.report_of(period)
    if is_new or report.state == ReportState.FAILED:
        _order(report)
    return report


def fail(report_id: str) -> None:
    """Record that no attempt to write the report is left. Twice, or when it is ready: nothing changes."""
    queries.unready(report_id).update(state=ReportState.FAILED)


def _order(report: Report) -> None:
    report_id = str(report.pk)
    work = step("reports.build", report_id).on_error(step("reports.fail", report_id))
    job_id = enqueue(work, unique_key=f"reports.build:{report_id}")
    if report.state == ReportState.FAILED:
        control.retry(job_id)
        report.state = ReportState.QUEUED
        report.save(update_fields=["state"])
