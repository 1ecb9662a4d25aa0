"""Lists: newest first, by cursor."""

import re
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView

from api.errors import Refused

WHOLE_NUMBER = re.compile(r"0*[1-9]\d*", re.ASCII)
BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")


class NewestFirst(CursorPagination):
    """`{next, previous, results}`; the cursor stays right while rows are added, and no total is counted."""

    ordering = ("-created_at", "-id")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def paginate_queryset(
        self, queryset: QuerySet[Any] | Sequence[Any], request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        """Return the page's rows. Raises Refused for a cursor that is none of ours."""
        # Python's decoder passes over what is no base64, and would show the first page.
        if not BASE64.fullmatch(request.query_params.get(self.cursor_query_param, "")):
            raise Refused("Invalid cursor.", field="cursor")
        try:
            return super().paginate_queryset(queryset, request, view)
        except (NotFound, ValidationError) as error:  # no base64, or a position that is no instant
            raise Refused("Invalid cursor.", field="cursor") from error

    def get_page_size(self, request: Request) -> int | None:
        """Return how many rows are wanted, at most 200. Raises Refused for what is no number."""
        wanted = request.query_params.getlist("page_size")
        if any(not WHOLE_NUMBER.fullmatch(each) for each in wanted):
            raise Refused("A whole number of 1 or more is required.", field="page_size")
        return super().get_page_size(request)

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """Return the parameters for the OpenAPI document."""
        parameters = super().get_schema_operation_parameters(view)
        for parameter in parameters:
            if parameter["name"] == self.page_size_query_param:
                # More than 200 is not refused: it gets 200.
                parameter["schema"] = {"type": "integer", "minimum": 1}
        return parameters
