"""Sets of reports, and the one way to add one."""

from uuid import UUID

from django.db.models import QuerySet

from reports.models import Report, ReportState
from reports.periods import Period


def all_reports() -> QuerySet[Report]:
    """Return every report."""
    return Report.objects.all()


def report(report_id: UUID | str) -> Report | None:
    """Return the report, or None."""
    return Report.objects.filter(pk=report_id).first()


def report_of(period: Period) -> tuple[Report, bool]:
    """Return the one report on the period, and whether it was added just now."""
    return Report.objects.get_or_create(
        kind=period.kind, period_start=period.start, defaults={"period_end": period.end}
    )


def unready(report_id: UUID | str) -> QuerySet[Report]:
    """Return the report if its files are not recorded yet."""
    return Report.objects.filter(pk=report_id).exclude(state=ReportState.READY)


def queued() -> QuerySet[Report]:
    """Return the reports that somebody waits for."""
    return Report.objects.filter(state=ReportState.QUEUED)
