"""Fields of requests and responses."""

from typing import Any

from rest_framework import serializers

from accounts.addresses import ADDRESS_MAX_CHARACTERS
from accounts.logins.models import ActiveLogin
from accounts.serializers import password_field
from api.fields import Text

CODE_MAX_CHARACTERS = 64


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


class ActiveLoginOut(serializers.ModelSerializer[ActiveLogin]):
    """A login: a browser's session or a bearer token."""

    current = serializers.SerializerMethodField(help_text="Whether this request came with it")

    class Meta:
        model = ActiveLogin
        fields = ("id", "kind", "client", "created_at", "last_used_at", "expires_at", "current")

    def get_current(self, login: ActiveLogin) -> bool:
        """Say whether the request came with this login."""
        return bool(str(login.pk) == self.context["current"])
