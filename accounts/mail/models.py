"""Rows of tokens that go out in a mail."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from accounts.addresses import ADDRESS_MAX_CHARACTERS


class TokenPurpose(models.TextChoices):
    """What a mailed token allows."""

    VERIFY = "verify"
    RESET = "reset"


class MailedToken(models.Model):
    """A token that went out in a mail and works once; only its SHA-256 digest is kept.

    It proves that its bearer reads `address`, and a verification token that `address` belongs to who signed up with
    the password of `sign_up_number`. It is void once the user has another address, or another sign-up's password.
    """

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="mailed_tokens")
    address = models.EmailField(max_length=ADDRESS_MAX_CHARACTERS, help_text="where the token was mailed to")
    sign_up_number = models.PositiveIntegerField(default=1)
    purpose = models.CharField(max_length=8, choices=TokenPurpose)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the token, in hexadecimal")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("digest",), name="accounts_token_digest_unique"),
            models.CheckConstraint(
                condition=Q(purpose__in=TokenPurpose.values), name="accounts_token_purpose_known"
            ),
            models.CheckConstraint(
                condition=Q(digest__regex="^[0-9a-f]{64}$"), name="accounts_token_digest_is_sha256"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="accounts_token_expires_later"
            ),
        )
        indexes = (models.Index(fields=("expires_at",), name="accounts_token_expired"),)

    def __str__(self) -> str:
        return f"{self.purpose} token of {self.user_id}"
