"""What the API answers to OPTIONS."""

from typing import Any

from rest_framework.metadata import BaseMetadata


class NoMetadata(BaseMetadata):
    """An empty object, as the plain views answer; the header `Allow` has the methods and `/api/schema` the rest.

    REST framework's own describes the fields, for which it makes a serializer: a view without one is a 500.
    """

    def determine_metadata(self, request: Any, view: Any) -> dict[str, Any]:
        """Return nothing."""
        return {}
