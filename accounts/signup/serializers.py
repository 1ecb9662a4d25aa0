"""Fields of requests and responses."""

from typing import Any

from rest_framework import serializers

from accounts.serializers import address_field, password_field
from api.fields import Text


class SignupIn(serializers.Serializer[Any]):
    """A wish for an account."""

    email = address_field()
    password = password_field()
    name = Text(max_length=150, required=False, allow_blank=True, default="")


class SignupOut(serializers.Serializer[Any]):
    """The same for a new and for a taken address."""

    detail = serializers.CharField()
    email = serializers.EmailField()
