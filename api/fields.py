"""Fields that take text and nothing else: a number sent as a name is a mistake of the client's, not a name."""

from typing import Any

from rest_framework import serializers


class Text(serializers.CharField):
    """A string."""

    def to_internal_value(self, data: Any) -> str:
        """Return the text; numbers, which REST framework would write out, are refused."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Address(Text, serializers.EmailField):
    """An email address."""


class Url(Text, serializers.URLField):
    """A URL."""
