"""Which days a report is about. Days and weeks are UTC's; a week begins on Monday."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from reports.models import ReportKind


@dataclass(frozen=True)
class Period:
    """From the first instant to before the end."""

    kind: ReportKind
    start: datetime
    end: datetime

    @property
    def title(self) -> str:
        """Return the period in words."""
        if self.kind is ReportKind.DAILY:
            return f"{self.start:%A, %d %B %Y}"
        return f"Week of {self.start:%d %B %Y}"

    @property
    def stem(self) -> str:
        """Return what the report's files are called, without their endings."""
        return f"offstage-{self.kind}-{self.start:%Y-%m-%d}"

    def is_over(self, now: datetime) -> bool:
        """Whether nothing more can happen in it."""
        return self.end <= now


def period_with(kind: ReportKind, day: date) -> Period:
    """Return the period that the day belongs to."""
    first = day if kind is ReportKind.DAILY else day - timedelta(days=day.weekday())
    start = datetime.combine(first, time.min, UTC)
    return Period(kind, start, start + _length(kind))


def last_over(kind: ReportKind, now: datetime) -> Period:
    """Return the youngest period that is over."""
    return period_with(kind, (now.astimezone(UTC) - _length(kind)).date())


def _length(kind: ReportKind) -> timedelta:
    return timedelta(days=1 if kind is ReportKind.DAILY else 7)
