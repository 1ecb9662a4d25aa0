"""What goes in and out over HTTP."""

from typing import Any

from rest_framework import serializers
from rest_framework.reverse import reverse

from accounts.login_models import ActiveLogin
from accounts.models import (
    ADDRESS_MAX_CHARACTERS,
    Deletion,
    DeletionStep,
    Export,
    ExportState,
    Project,
    User,
    Webhook,
    WebhookEvent,
)
from accounts.password_rules import PASSWORD_MAX_CHARACTERS
from api.fields import Address, Text, Url

CODE_MAX_CHARACTERS = 64


def address_field(**options: Any) -> Address:
    """Return the field of an address."""
    return Address(max_length=ADDRESS_MAX_CHARACTERS, **options)


def password_field() -> Text:
    """Return the field of a password, taken as typed: a blank at either end may be part of it."""
    return Text(max_length=PASSWORD_MAX_CHARACTERS, trim_whitespace=False, write_only=True)


class SignupIn(serializers.Serializer[Any]):
    """A wish for an account."""

    email = address_field()
    password = password_field()
    name = Text(max_length=150, required=False, allow_blank=True, default="")


class SignupOut(serializers.Serializer[Any]):
    """The same for a new and for a taken address."""

    detail = serializers.CharField()
    email = serializers.EmailField()


class TokenIn(serializers.Serializer[Any]):
    """A token out of a mail."""

    token = Text(max_length=200)


class NewPasswordIn(TokenIn):
    """A token out of a mail and the password to set."""

    password = password_field()


class AddressIn(serializers.Serializer[Any]):
    """An address that should get a mail."""

    email = address_field()


class LoginIn(serializers.Serializer[Any]):
    """Who logs in."""

    email = Text(max_length=ADDRESS_MAX_CHARACTERS)
    password = password_field()
    code = Text(
        max_length=CODE_MAX_CHARACTERS,
        required=False,
        allow_blank=True,
        default="",
        help_text="With two-factor authentication: a code of the app, or a recovery code",
    )


class LoginOut(serializers.Serializer[Any]):
    """The bearer token, shown this once."""

    token = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)


class DetailOut(serializers.Serializer[Any]):
    """A sentence."""

    detail = serializers.CharField()


class AccountOut(serializers.ModelSerializer[User]):
    """The user, as the user sees it."""

    name = Text(max_length=150, required=False, allow_blank=True)

    class Meta:
        model = User
        fields = ("id", "email", "name", "created_at")
        read_only_fields = ("id", "email", "created_at")


class PasswordIn(serializers.Serializer[Any]):
    """The password that confirms an act."""

    password = password_field()


class PasswordChangeIn(PasswordIn):
    """The present password and the one to set."""

    new_password = password_field()


class ActiveLoginOut(serializers.ModelSerializer[ActiveLogin]):
    """A login: a browser's session or a bearer token."""

    current = serializers.SerializerMethodField(help_text="Whether this request came with it")

    class Meta:
        model = ActiveLogin
        fields = ("id", "kind", "client", "created_at", "last_used_at", "expires_at", "current")

    def get_current(self, login: ActiveLogin) -> bool:
        """Say whether the request came with this login."""
        return bool(str(login.pk) == self.context["current"])


class StartedOut(serializers.Serializer[Any]):
    """Work that has begun, and where to ask about it."""

    id = serializers.UUIDField()
    status_url = serializers.URLField()


class DeletionStepOut(serializers.ModelSerializer[DeletionStep]):
    """One step of a deletion."""

    class Meta:
        model = DeletionStep
        fields = ("name", "state", "deleted")


class DeletionOut(serializers.ModelSerializer[Deletion]):
    """How far a deletion is."""

    steps = DeletionStepOut(many=True, read_only=True)

    class Meta:
        model = Deletion
        fields = ("id", "state", "steps")


class ExportOut(serializers.ModelSerializer[Export]):
    """How far an export is, and its archive once it is ready."""

    url = serializers.SerializerMethodField()

    class Meta:
        model = Export
        fields = ("id", "state", "created_at", "finished_at", "url")

    def get_url(self, export: Export) -> str | None:
        """Return where the archive is, None while it is being written."""
        if export.state != ExportState.READY:
            return None
        return reverse("accounts:export-archive", kwargs={"id": export.pk}, request=self.context["request"])


class ProjectOut(serializers.ModelSerializer[Project]):
    """A project."""

    name = Text(max_length=200)

    class Meta:
        model = Project
        fields = ("id", "name", "created_at")
        read_only_fields = ("id", "created_at")


class PushKeysIn(serializers.Serializer[Any]):
    """The browser's keys."""

    p256dh = Text(max_length=100)
    auth = Text(max_length=50)


class PushEndpoint(serializers.Serializer[Any]):
    """The browser's address at its push service."""

    endpoint = Url(max_length=1000)


class PushSubscriptionIn(PushEndpoint):
    """A subscription as `PushSubscription.toJSON()` of the browser writes it."""

    keys = PushKeysIn()


class PushKeyOut(serializers.Serializer[Any]):
    """The VAPID key."""

    key = serializers.CharField()


class WebhookIn(serializers.Serializer[Any]):
    """An address, and the events that are posted there: all of today's where none is named."""

    url = Url(max_length=1000)
    events = serializers.ListField(
        child=serializers.ChoiceField(WebhookEvent.choices),
        min_length=1,
        default=lambda: list(WebhookEvent.values),
    )


class WebhookOut(serializers.ModelSerializer[Webhook]):
    """A webhook; its secret is not shown again."""

    class Meta:
        model = Webhook
        fields: tuple[str, ...] = ("id", "url", "events")


class WebhookMadeOut(WebhookOut):
    """A new webhook, with the secret that its posts are signed with."""

    secret = serializers.CharField()

    class Meta(WebhookOut.Meta):
        fields = (*WebhookOut.Meta.fields, "secret")
