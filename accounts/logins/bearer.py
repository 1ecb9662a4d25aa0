"""Bearer tokens as they come in."""

from typing import Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed
from structlog.contextvars import bind_contextvars

from accounts.logins import active_logins


class BearerAuthentication(TokenAuthentication):  # type: ignore[misc]  # knox is untyped
    """Knox's, for which a token that is no text is a bug and not a wrong token."""

    def authenticate(self, request: Any) -> Any:
        """Return the user and the token's row, and note the use. Raises AuthenticationFailed."""
        found = super().authenticate(request)
        if found is None:
            return None
        if active_logins.use_token(found[1], active_logins.client_of(request), timezone.now()) is None:
            raise AuthenticationFailed("Invalid token.")
        return found

    def authenticate_credentials(self, token: bytes) -> Any:
        """Return the user and the token's row. Raises AuthenticationFailed."""
        if not token.isascii():
            raise AuthenticationFailed("Invalid token.")
        found = super().authenticate_credentials(token)
        bind_contextvars(user_id=str(found[0].pk))  # on every further log line of the request
        return found

    def _cleanup_token(self, auth_token: Any) -> bool:
        """Say whether the token is expired.

        Knox's own reads all tokens of the user at each request, to delete old ones; ours are deleted by the clock.
        """
        return auth_token.expiry is not None and auth_token.expiry < timezone.now()


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # as its library has it
    """The same in the OpenAPI document."""

    target_class = BearerAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Return the scheme."""
        return build_bearer_security_scheme_object("Authorization", "Bearer")
