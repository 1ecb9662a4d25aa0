"""Rows of the accounts feature."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.login_models import ActiveLogin, RecoveryCode, Session, TwoFactor
from api import sealing

__all__ = ("ActiveLogin", "RecoveryCode", "Session", "TwoFactor")  # Django looks for models in this module

ADDRESS_MAX_CHARACTERS = 254
"""Longest address that fits a path of RFC 5321 section 4.5.3.1.3, without its angle brackets."""


class UserManager(BaseUserManager["User"]):
    """Makes users; finds them by address, whatever its case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Add a user; without a password nobody can log in as that user.

        Raises ValueError without an address, IntegrityError where the address is taken.
        """
        if not email:
            raise ValueError("a user needs an address")
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(force_insert=True, using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Add a verified user who may do everything."""
        fields = {"verified_at": timezone.now(), **fields, "is_staff": True, "is_superuser": True}
        return self.create_user(email, password, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        """Return the user of that address, whatever its case; Django's authentication asks here."""
        return self.with_address(username or "").get()

    def with_address(self, address: str) -> models.QuerySet[User]:
        """Return the at most one user of that address.

        Both sides are folded by the database: Python's lower() and PostgreSQL's differ outside ASCII, and
        `iexact` folds to upper case, which the index behind the constraint cannot serve.
        """
        return self.alias(folded=Lower("email")).filter(folded=Lower(models.Value(address)))


class User(AbstractBaseUser, PermissionsMixin):
    """A person with an address; `is_active` falls the moment a deletion is asked for."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField("email address", max_length=ADDRESS_MAX_CHARACTERS)
    name = models.CharField(max_length=150, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    sign_up_number = models.PositiveIntegerField(
        default=1,
        editable=False,
        help_text="which sign-up of this address the password and the name are from",
    )

    objects: ClassVar[UserManager] = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = (
            models.UniqueConstraint(Lower("email"), name="accounts_user_email_unique"),
            models.CheckConstraint(condition=~Q(email=""), name="accounts_user_email_given"),
        )
        indexes = (models.Index(fields=("-created_at",), name="accounts_user_newest"),)

    def __str__(self) -> str:
        return self.email

    @property
    def is_verified(self) -> bool:
        """Whether the address was proven."""
        return self.verified_at is not None

    @property
    def lacks_two_factor(self) -> bool:
        """Whether this is staff that must set up two-factor authentication before it may act as staff."""
        if not (settings.STAFF_TWO_FACTOR_REQUIRED and self.is_staff):
            return False
        return not TwoFactor.objects.filter(user_id=self.pk, confirmed_at__isnull=False).exists()

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Say whether the user has the permission: none has staff that lacks two-factor authentication."""
        return not self.lacks_two_factor and super().has_perm(perm, obj)

    def has_module_perms(self, app_label: str) -> bool:
        """Say whether the user has any permission in the app, under the same condition."""
        return not self.lacks_two_factor and super().has_module_perms(app_label)

    def get_full_name(self) -> str:
        """Return the name, or the address of a user who gave none; Django's admin asks."""
        return self.name or self.email

    get_short_name = get_full_name


class TokenPurpose(models.TextChoices):
    """What a mailed token allows."""

    VERIFY = "verify"
    RESET = "reset"


class MailedToken(models.Model):
    """A token that went out in a mail and works once; only its SHA-256 digest is kept.

    It proves that its bearer reads `address`, and a verification token that `address` belongs to who signed up with
    the password of `sign_up_number`. It is void once the user has another address, or another sign-up's password.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="mailed_tokens")
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


class Project(models.Model):
    """A user's folder of videos."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="projects")
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = (models.CheckConstraint(condition=~Q(name=""), name="accounts_project_name_given"),)
        indexes = (models.Index(fields=("owner", "-created_at", "-id"), name="accounts_project_of_owner"),)

    def __str__(self) -> str:
        return self.name


class PushSubscription(models.Model):
    """A browser that agreed to notifications; the endpoint is the browser's, so it has one user at a time."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="push_subscriptions")
    endpoint = models.URLField(max_length=1000)
    p256dh = models.CharField(max_length=100, help_text="the browser's public key, base64url")
    auth = models.CharField(max_length=50, help_text="the shared secret of RFC 8291, base64url")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("endpoint",), name="accounts_push_endpoint_unique"),)

    def __str__(self) -> str:
        return f"push subscription {self.pk} of {self.user_id}"


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
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="webhooks")
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

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="known_clients")
    key = models.CharField(max_length=64)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "key"), name="accounts_known_client_once"),)
        indexes = (models.Index(fields=("seen_at",), name="accounts_known_client_expired"),)

    def __str__(self) -> str:
        return f"known client of {self.user_id}"


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


class ExportState(models.TextChoices):
    """Where an export stands."""

    RUNNING = "running"
    READY = "ready"


class Export(models.Model):
    """A ZIP of all that is stored about a user, or the wish for it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="exports")
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
