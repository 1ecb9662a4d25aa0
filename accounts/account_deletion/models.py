"""Rows of account deletions."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone


class DeletionState(models.TextChoices):
    """Where a deletion, or one step of it, stands."""

    RUNNING = "running"
    DONE = "done"


class StepName(models.TextChoices):
    """The steps of a deletion, in the order in which they are shown."""

    PROJECTS = "projects"
    FILES = "files"
    ASSETS = "assets"
    USER_DATA = "user_data"


class Deletion(models.Model):
    """An account on its way out. Survives the user's row, so the user is an id, not a foreign key.

    The id is the secret that lets its bearer read the progress: version 4, 122 random bits.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user_id = models.UUIDField(editable=False)
    state = models.CharField(max_length=8, choices=DeletionState, default=DeletionState.RUNNING)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    sealed_address = models.CharField(
        max_length=1000,
        blank=True,
        default="",
        db_default="",
        help_text="Where the notice goes, until it went; see api.sealing",
    )

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("user_id",), name="accounts_deletion_once_a_user"),
            models.CheckConstraint(
                condition=Q(state=DeletionState.RUNNING, finished_at=None)
                | Q(state=DeletionState.DONE, finished_at__isnull=False),
                name="accounts_deletion_done_when_finished",
            ),
        )

    def __str__(self) -> str:
        return f"deletion of {self.user_id}"


class DeletionStep(models.Model):
    """One step of a deletion and how many things it has deleted so far."""

    deletion = models.ForeignKey(Deletion, on_delete=models.CASCADE, related_name="steps")
    name = models.CharField(max_length=16, choices=StepName)
    state = models.CharField(max_length=8, choices=DeletionState, default=DeletionState.RUNNING)
    deleted = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("deletion", "name"), name="accounts_deletion_step_once"),
            models.CheckConstraint(
                condition=Q(name__in=StepName.values), name="accounts_deletion_step_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=DeletionState.values), name="accounts_deletion_step_state_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} of {self.deletion_id}"
