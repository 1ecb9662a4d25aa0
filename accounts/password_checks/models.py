"""Rows that count wrong passwords."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class LoginFailures(models.Model):
    """Failed logins of one account: from one client address, or from all unknown ones together.

    The key is a keyed hash of both (see `lockout`): who tried to log in as whom is nobody's to read here.
    """

    key = models.CharField(max_length=64, primary_key=True)
    failures = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "login failures"
        indexes = (models.Index(fields=("last_at",), name="accounts_failures_expired"),)

    def __str__(self) -> str:
        return f"{self.failures} failed logins"


class KnownClient(models.Model):
    """A client address from which the user has logged in: guesses made elsewhere do not lock it out.

    The key is a keyed hash of the address (see `lockout`).
    """

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="known_clients")
    key = models.CharField(max_length=64)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "key"), name="accounts_known_client_once"),)
        indexes = (models.Index(fields=("seen_at",), name="accounts_known_client_expired"),)

    def __str__(self) -> str:
        return f"known client of {self.user_id}"
