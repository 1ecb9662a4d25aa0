"""The API to one's password and logins."""

from typing import Any, cast

from django.contrib.auth import logout
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries
from accounts.input_views import LIMITED, NOTHING, PublicInputView, current_user
from accounts.logins import active_logins, login
from accounts.logins.models import ActiveLogin
from accounts.logins.serializers import ActiveLoginOut, LoginIn, LoginOut
from api.pagination import NewestFirst


class Sessions(generics.ListAPIView[ActiveLogin]):
    """Your logins."""

    serializer_class = ActiveLoginOut
    queryset = ActiveLogin.objects.none()
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[ActiveLogin]:
        """Return the user's logins."""
        return queries.living_logins_of(current_user(self.request).pk, timezone.now())

    def get_serializer_context(self) -> dict[str, Any]:
        """Return the context, with the login that the request came with."""
        current = active_logins.login_id_of(self.request, self.request.auth)
        return {**super().get_serializer_context(), "current": current}

    @extend_schema(operation_id="account_sessions_list")
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        """List your sessions and tokens, newest first; `current` marks the one of this request."""
        return super().get(request, *args, **kwargs)


class OwnSession(generics.GenericAPIView[ActiveLogin]):
    """One login."""

    serializer_class = ActiveLoginOut
    queryset = ActiveLogin.objects.none()
    lookup_field = "id"

    def get_queryset(self) -> QuerySet[ActiveLogin]:
        """Return the user's logins."""
        return queries.logins_of(current_user(self.request).pk)

    @extend_schema(operation_id="account_sessions_destroy", responses={204: NOTHING})
    def delete(self, request: Request, id: str) -> Response:  # noqa: A002 - the path's word
        """End a session or token; event streams and downloads that began with it end within seconds."""
        active_logins.end_one(self.get_object())
        return Response(status=204)


UNVERIFIED = OpenApiResponse(description="The email address is not verified")


class Login(PublicInputView):
    """Logging in."""

    serializer_class = LoginIn

    @extend_schema(operation_id="login", responses={200: LoginOut, 403: UNVERIFIED, 429: LIMITED})
    def post(self, request: Request) -> Response:
        """Exchange address and password for a bearer token."""
        sent = self.sent(request)
        token, expires_at = login.log_in(
            cast(HttpRequest, request), sent["email"], sent["password"], sent["code"]
        )
        return Response(LoginOut({"token": token, "expires_at": expires_at}).data)


class Logout(generics.GenericAPIView[Any]):
    """Logging out."""

    @extend_schema(operation_id="logout", request=None, responses={204: NOTHING})
    def post(self, request: Request) -> Response:
        """End this login: the token, or the session."""
        if request.auth is not None:
            login.log_out(request.auth)
        else:
            logout(cast(HttpRequest, request))
        return Response(status=status.HTTP_204_NO_CONTENT)
