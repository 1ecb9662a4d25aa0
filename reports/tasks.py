"""The reports' jobs, and the clean-up that runs by the clock. Each makes one call."""

from django.utils import timezone

from celery_ledger import job
from reports import build as building
from reports import cleanup, wishes
from reports.models import ReportKind


# A week of a million jobs is read in seconds; drawing takes two.
@job("reports.build", queue="reports", soft_seconds=300, hard_seconds=330)
def build(report_id: str) -> None:
    """Write a report."""
    building.build(report_id, timezone.now())


@job("reports.fail", queue="reports", soft_seconds=20, hard_seconds=30, atomic=True)
def fail(report_id: str) -> None:
    """Record that a report can't be written."""
    wishes.fail(report_id)


@job("reports.daily", queue="reports", soft_seconds=20, hard_seconds=30, atomic=True)
def daily() -> None:
    """Ask for yesterday's report."""
    wishes.wish(ReportKind.DAILY, None, timezone.now())


@job("reports.weekly", queue="reports", soft_seconds=20, hard_seconds=30, atomic=True)
def weekly() -> None:
    """Ask for last week's report."""
    wishes.wish(ReportKind.WEEKLY, None, timezone.now())


@job("reports.forget_expired", queue="maintenance", soft_seconds=300, hard_seconds=330)
def forget_expired() -> None:
    """Delete sessions, tokens and stored answers whose time is over."""
    cleanup.forget_expired(timezone.now())


@job("reports.purge_jobs", queue="maintenance", soft_seconds=1800, hard_seconds=1830)
def purge_jobs() -> int:
    """Delete old settled jobs."""
    return cleanup.purge_jobs()
