"""What the OpenAPI document says about what every endpoint shares."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.permissions import SAFE_METHODS, IsAdminUser
from rest_framework.serializers import Serializer

type_of_json = dict[str, Any]

ERRORS = {
    "400": "Invalid request",
    "401": "Not logged in",
    "403": "Not allowed",
    "404": "Not found, or someone else's",
    "409": "The present state does not allow it",
    "410": "What the first request with this Idempotency-Key made was deleted",
    "413": "The body is larger than is read here",
    "415": "The body is of a type that is not read here",
    "422": "The Idempotency-Key was used for a different request",
    "429": "Too many requests; see Retry-After",
    "503": "The database is not reachable; see Retry-After",
}
BY_FIELD = ("400",)
MADE = ["200", "201", "202"]
REFUSAL = {
    "type": "object",
    "properties": {"detail": {"type": "string"}},
    "required": ["detail"],
}
INVALID_INPUT = {
    "type": "object",
    "description": "The fields at fault, each with its reasons; or a `detail` that belongs to no field.",
    "additionalProperties": {
        "oneOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}],
    },
}
HEADERS = {
    "X-Request-ID": {
        "description": "The client's own, or a new one",
        "required": True,
        "schema": {"type": "string", "pattern": r"^[\w.-]{1,64}$"},
    },
    "WWW-Authenticate": {
        "description": "How to log in",
        "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
}
LOCATION = OpenApiParameter(
    name="Location",
    location=OpenApiParameter.HEADER,
    type=OpenApiTypes.URI_REF,
    required=True,
    response=["202"],
    description="Where to ask about it",
)


class OffstageSchema(AutoSchema):
    """Documents refusals and headers where they occur, the Idempotency-Key, and the bodies of DELETE."""

    def get_operation(self, *args: Any, **kwargs: Any) -> type_of_json | None:
        """Return the operation with all of its answers."""
        operation: type_of_json | None = super().get_operation(*args, **kwargs)
        if operation is not None:
            document_refusals(operation, self._refusals(operation))
        return operation

    def get_override_parameters(self) -> list[OpenApiParameter | Serializer[Any] | type[Serializer[Any]]]:
        """Return the headers of an idempotent operation."""
        if not self._is_idempotent():
            return []
        return [
            OpenApiParameter(
                name="Idempotency-Key",
                location=OpenApiParameter.HEADER,
                type={"type": "string", "pattern": "^[!-~]{1,255}$"},
                description="1 to 255 characters of your choice: the same key, the same answer, one effect. Kept 24 h.",
            ),
            OpenApiParameter(
                name="Idempotent-Replayed",
                location=OpenApiParameter.HEADER,
                type={"type": "string", "enum": ["true"]},
                response=MADE,
                description="There where the answer is that of an earlier request with the same key",
            ),
        ]

    def get_request_serializer(self) -> Any:
        """Return the body's; a DELETE has one only where its view names it."""
        return None if self.method == "DELETE" else super().get_request_serializer()

    def _get_request_body(self, direction: str = "request") -> Any:
        if self.method != "DELETE" or self.get_request_serializer() is None:
            return super()._get_request_body(direction)  # type: ignore[no-untyped-call]  # its library's
        # The generator leaves the body of a DELETE out unasked; there is no option.
        self.method = "POST"
        try:
            return super()._get_request_body(direction)  # type: ignore[no-untyped-call]  # as above
        finally:
            self.method = "DELETE"

    def _refusals(self, operation: type_of_json) -> set[str]:
        reads_body = "requestBody" in operation or self._is_idempotent()
        is_sent_something = reads_body or any(
            parameter["in"] != "path" for parameter in operation.get("parameters", [])
        )
        security = operation.get("security", [])
        is_for_users = bool(security) and {} not in security
        is_for_staff = any(
            isinstance(each, type) and issubclass(each, IsAdminUser) for each in self.view.permission_classes
        )
        # A session's cookie alone may change nothing: without a CSRF token it gets 403.
        may_be_forbidden = is_for_staff or (is_for_users and self.method not in SAFE_METHODS)
        asks_for_one = "{" in self.path
        found = {
            "400": is_sent_something,
            "401": is_for_users,
            "403": may_be_forbidden,
            "404": asks_for_one,
            "409": self._is_idempotent() or (asks_for_one and self.method == "POST"),
            "410": self._is_idempotent() and getattr(self.view, "made_can_be_deleted", False),
            "413": reads_body,
            "415": reads_body,
            "422": self._is_idempotent(),
            "429": bool(self.view.get_throttles()),
            "503": True,
        }
        return {status for status, is_possible in found.items() if is_possible}

    def _is_idempotent(self) -> bool:
        handler = getattr(self.view, self.method.lower(), None)
        return getattr(handler, "is_idempotent", False)


def document_refusals(operation: type_of_json, statuses: set[str]) -> None:
    """Add the refusals to the operation's answers, and to every answer the headers that it bears."""
    answers = operation["responses"]
    for status in statuses:
        answers.setdefault(status, {"description": ERRORS[status]})
    for status, answer in answers.items():
        if status >= "400":
            name = "InvalidInput" if status in BY_FIELD else "Refusal"
            schema = {"$ref": f"#/components/schemas/{name}"}
            answer.setdefault("content", {"application/json": {"schema": schema}})
        answer["headers"] = {**answer.get("headers", {}), **_headers_of(status)}
    operation["responses"] = dict(sorted(answers.items()))


def _headers_of(status: str) -> type_of_json:
    names = ["X-Request-ID"]
    if status == "401":
        names.append("WWW-Authenticate")
    if status in ("429", "503"):
        names.append("Retry-After")
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
