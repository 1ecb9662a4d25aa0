"""Rows of the accounts feature."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.account_deletion.models import Deletion, DeletionStep
from accounts.addresses import ADDRESS_MAX_CHARACTERS
from accounts.exports.models import Export
from accounts.logins.models import ActiveLogin, RecoveryCode, Session, TwoFactor
from accounts.mail.models import MailedToken
from accounts.password_checks.models import KnownClient, LoginFailures
from accounts.push.models import PushSubscription
from accounts.webhooks.models import Webhook

# Django looks for an app's models in this module alone. Each is imported from its own room.
ROWS = (
    *(ActiveLogin, Deletion, DeletionStep, Export, KnownClient, LoginFailures, MailedToken, PushSubscription),
    *(RecoveryCode, Session, TwoFactor, Webhook),
)


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
