"""Bearer tokens as they come in."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed
from structlog.contextvars import bind_contextvars


class BearerAuthentication(TokenAuthentication):  # type: ignore[misc]  # knox is untyped
    """Knox's, for which a token that is no text is a bug and not a wrong token."""

    def authenticate_credentials(self, token: bytes) -> Any:
        """Return the user and the token's row. Raises AuthenticationFailed."""
        if not token.isascii():
            raise AuthenticationFailed("Invalid token.")
        found = super().authenticate_credentials(token)
        bind_contextvars(user_id=str(found[0].pk))  # on every further log line of the request
        return found


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # as its library has it
    """The same in the OpenAPI document."""

    target_class = BearerAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Return the scheme."""
        return build_bearer_security_scheme_object("Authorization", "Bearer")
