"""What the OpenAPI document says about what every endpoint shares."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework.serializers import Serializer


class OffstageSchema(AutoSchema):
    """Documents the Idempotency-Key where `api.idempotency.idempotent` reads it."""

    def get_override_parameters(self) -> list[OpenApiParameter | Serializer[Any] | type[Serializer[Any]]]:
        """Return the header parameter of an idempotent operation."""
        if not self._is_idempotent():
            return []
        return [
            OpenApiParameter(
                name="Idempotency-Key",
                location=OpenApiParameter.HEADER,
                type=str,
                description="1 to 255 characters of your choice: the same key, the same answer, one effect. Kept 24 h.",
            )
        ]

    def _is_idempotent(self) -> bool:
        handler = getattr(self.view, self.method.lower(), None)
        return getattr(handler, "is_idempotent", False)
