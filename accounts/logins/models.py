"""Rows of logins: browser sessions, bearer tokens, two-factor authentication."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from api import sealing

CLIENT_MAX_CHARACTERS = 200


class LoginKind(models.TextChoices):
    """How requests of a login prove who they are from."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105 (a kind of login, not a token)


class ActiveLogin(models.Model):
    """One login of a user. It ends by `active_logins.end`, which deletes its session or token with it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="logins")
    kind = models.CharField(max_length=8, choices=LoginKind)
    token = models.OneToOneField(
        settings.KNOX_TOKEN_MODEL, on_delete=models.CASCADE, null=True, related_name="login"
    )
    client = models.CharField(
        max_length=CLIENT_MAX_CHARACTERS, blank=True, help_text="User-Agent of the request that logged in"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(kind=LoginKind.SESSION, token=None)
                | Q(kind=LoginKind.TOKEN, token__isnull=False),
                name="accounts_login_kind_matches",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="accounts_login_expires_later"
            ),
        )
        indexes = (
            models.Index(fields=("user", "-created_at", "-id"), name="accounts_login_of_user"),
            models.Index(fields=("expires_at",), name="accounts_login_expired"),
        )

    def __str__(self) -> str:
        return f"{self.kind} of {self.user_id}"


class Session(AbstractBaseSession):
    """A browser session of Django's, with the login that it belongs to; an anonymous one has none."""

    login = models.ForeignKey(ActiveLogin, on_delete=models.CASCADE, null=True, related_name="sessions")

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        """Return the store that reads and writes these rows."""
        from accounts.logins.sessions import SessionStore  # noqa: PLC0415 (the store imports this model)

        return SessionStore


class TwoFactor(models.Model):
    """The authenticator app of a user; it counts from `confirmed_at` on, when a code showed that it has the key."""

    user = models.OneToOneField(
        "accounts.User", on_delete=models.CASCADE, primary_key=True, related_name="two_factor"
    )
    sealed_key = models.CharField(max_length=500, help_text="see api.sealing")
    last_step = models.BigIntegerField(
        default=0, help_text="Time step of the last code that was used; RFC 6238, section 5.2"
    )
    failures = models.PositiveIntegerField(default=0, help_text="Wrong codes in a row")
    last_failed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "two-factor authentication"
        constraints = (
            models.CheckConstraint(
                condition=Q(sealed_key__startswith=sealing.FIRST_LETTERS),
                name="accounts_two_factor_key_sealed",
            ),
        )

    def __str__(self) -> str:
        return f"two-factor authentication of {self.user_id}"


class RecoveryCode(models.Model):
    """A code that replaces the authenticator app once; only its SHA-256 digest is kept."""

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the code, in hexadecimal")
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("user", "digest"), name="accounts_recovery_code_unique"),
            models.CheckConstraint(
                condition=Q(digest__regex="^[0-9a-f]{64}$"), name="accounts_recovery_code_is_sha256"
            ),
        )

    def __str__(self) -> str:
        return f"recovery code of {self.user_id}"
