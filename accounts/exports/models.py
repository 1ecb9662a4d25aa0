"""Rows of exports."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone


class ExportState(models.TextChoices):
    """Where an export stands."""

    RUNNING = "running"
    READY = "ready"


class Export(models.Model):
    """A ZIP of all that is stored about a user, or the wish for it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="exports")
    state = models.CharField(max_length=8, choices=ExportState, default=ExportState.RUNNING)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(state=ExportState.RUNNING, finished_at=None)
                | Q(state=ExportState.READY, finished_at__isnull=False),
                name="accounts_export_ready_when_finished",
            ),
            models.UniqueConstraint(
                fields=("user",),
                condition=Q(state=ExportState.RUNNING),
                name="accounts_export_one_running_a_user",
            ),
        )
        indexes = (models.Index(fields=("user", "-created_at"), name="accounts_export_of_user"),)

    def __str__(self) -> str:
        return f"export {self.pk} of {self.user_id}"
