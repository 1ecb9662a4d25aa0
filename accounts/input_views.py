"""What the views of this app's API have in common."""

from typing import Any, cast

from drf_spectacular.utils import OpenApiResponse
from rest_framework import generics
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from accounts.models import User

NOTHING = OpenApiResponse(description="Done")
LIMITED = OpenApiResponse(description="Too many requests; see Retry-After")


class InputView(generics.GenericAPIView[Any]):
    """A view whose input is its serializer."""

    def sent(self, request: Request) -> dict[str, Any]:
        """Return the validated input."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return cast(dict[str, Any], serializer.validated_data)


class PublicInputView(InputView):
    """One for clients that are not logged in; a stale token or cookie is ignored."""

    permission_classes = (AllowAny,)
    authentication_classes = ()


def current_user(request: Request) -> User:
    """Return the request's user; the permission classes refuse anonymous requests."""
    return cast(User, request.user)
