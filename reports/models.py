"""The rows of the reports."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils import timezone


class ReportKind(models.TextChoices):
    """How long a report's period is."""

    DAILY = "daily"
    WEEKLY = "weekly"


class ReportState(models.TextChoices):
    """Where a report stands."""

    QUEUED = "queued"
    READY = "ready"
    FAILED = "failed"


class Report(models.Model):
    """A report on one day or week, or the wish for it. The file names are empty until it is ready."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=8, choices=ReportKind)
    period_start = models.DateTimeField(help_text="The first instant of the period")
    period_end = models.DateTimeField(help_text="The first instant after it")
    state = models.CharField(max_length=8, choices=ReportState, default=ReportState.QUEUED)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    html = models.CharField(max_length=100, blank=True)
    csv = models.CharField(max_length=100, blank=True)
    pdf = models.CharField(max_length=100, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("kind", "period_start"), name="report_once_a_period"),
            models.CheckConstraint(condition=Q(kind__in=ReportKind.values), name="report_kind_known"),
            models.CheckConstraint(condition=Q(state__in=ReportState.values), name="report_state_known"),
            models.CheckConstraint(
                condition=Q(period_end__gt=F("period_start")), name="report_period_not_empty"
            ),
            models.CheckConstraint(
                condition=~Q(state=ReportState.READY) | ~(Q(html="") | Q(csv="") | Q(pdf="")),
                name="report_ready_has_files",
            ),
        )
        indexes = (models.Index(fields=("-created_at", "-id"), name="report_newest"),)

    def __str__(self) -> str:
        return f"{self.kind} report from {self.period_start:%Y-%m-%d}"
