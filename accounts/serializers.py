"""What goes in and out over HTTP."""

from typing import Any

from rest_framework import serializers

from accounts.addresses import ADDRESS_MAX_CHARACTERS
from accounts.models import Project, User
from accounts.password_checks.password_rules import PASSWORD_MAX_CHARACTERS
from api.fields import Address, Text


def address_field(**options: Any) -> Address:
    """Return the field of an address."""
    return Address(max_length=ADDRESS_MAX_CHARACTERS, **options)


def password_field() -> Text:
    """Return the field of a password, taken as typed: a blank at either end may be part of it."""
    return Text(max_length=PASSWORD_MAX_CHARACTERS, trim_whitespace=False, write_only=True)


class TokenIn(serializers.Serializer[Any]):
    """A token out of a mail."""

    token = Text(max_length=200)


class AddressIn(serializers.Serializer[Any]):
    """An address that should get a mail."""

    email = address_field()


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


class StartedOut(serializers.Serializer[Any]):
    """Work that has begun, and where to ask about it."""

    id = serializers.UUIDField()
    status_url = serializers.URLField()


class ProjectOut(serializers.ModelSerializer[Project]):
    """A project."""

    name = Text(max_length=200)

    class Meta:
        model = Project
        fields = ("id", "name", "created_at")
        read_only_fields = ("id", "created_at")
