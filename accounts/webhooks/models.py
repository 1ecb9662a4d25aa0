"""Rows of webhooks."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from api import sealing


class WebhookEvent(models.TextChoices):
    """What a webhook can be told of."""

    VIDEO_READY = "video.ready"
    VIDEO_FAILED = "video.failed"


class Webhook(models.Model):
    """An address of the user's that events are posted to.

    The secret cannot be kept as a hash, as our tokens are: it is not compared with what somebody sends us, it signs
    what we send. So it is sealed, and opened only to sign.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="webhooks")
    url = models.URLField(max_length=1000)
    events = ArrayField(models.CharField(max_length=32, choices=WebhookEvent))
    sealed_secret = models.CharField(max_length=500, help_text="see api.sealing")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=~Q(url=""), name="accounts_webhook_url_given"),
            models.CheckConstraint(
                condition=Q(events__contained_by=WebhookEvent.values), name="accounts_webhook_events_known"
            ),
            models.CheckConstraint(condition=~Q(events=[]), name="accounts_webhook_events_given"),
            models.CheckConstraint(
                condition=Q(sealed_secret__startswith=sealing.FIRST_LETTERS),
                name="accounts_webhook_secret_sealed",
            ),
        )
        indexes = (models.Index(fields=("user", "-created_at", "-id"), name="accounts_webhook_of_user"),)

    def __str__(self) -> str:
        return f"webhook {self.pk} of {self.user_id}"
