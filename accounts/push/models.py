"""Rows of browsers that take notifications."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class PushSubscription(models.Model):
    """A browser that agreed to notifications; the endpoint is the browser's, so it has one user at a time."""

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="push_subscriptions")
    endpoint = models.URLField(max_length=1000)
    p256dh = models.CharField(max_length=100, help_text="the browser's public key, base64url")
    auth = models.CharField(max_length=50, help_text="the shared secret of RFC 8291, base64url")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("endpoint",), name="accounts_push_endpoint_unique"),)

    def __str__(self) -> str:
        return f"push subscription {self.pk} of {self.user_id}"
