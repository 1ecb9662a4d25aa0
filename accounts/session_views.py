"""The API to one's password and logins."""

from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import active_logins, password_change, queries, serializers
from accounts.doors import LIMITED, NOTHING, Door, asker
from accounts.login_models import ActiveLogin
from api.pagination import NewestFirst


class Password(Door):
    """The password of the user who asks."""

    serializer_class = serializers.PasswordChangeIn

    @extend_schema(operation_id="account_password", responses={200: serializers.DetailOut, 429: LIMITED})
    def post(self, request: Request) -> Response:
        """Set another password. Every other session and token ends, and a mail tells; this one stays."""
        sent = self.sent(request)
        kept = active_logins.login_id_of(request, request.auth)
        password_change.change(
            cast(HttpRequest, request),
            asker(request),
            (sent["password"], sent["new_password"]),
            kept,
            timezone.now(),
        )
        active_logins.keep_session(request, asker(request), kept)
        return Response({"detail": "Your password is changed. Every other session and token has ended."})


class Sessions(generics.ListAPIView[ActiveLogin]):
    """Your logins."""

    serializer_class = serializers.ActiveLoginOut
    queryset = ActiveLogin.objects.none()
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[ActiveLogin]:
        """Return the asker's logins."""
        return queries.living_logins_of(asker(self.request).pk, timezone.now())

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

    serializer_class = serializers.ActiveLoginOut
    queryset = ActiveLogin.objects.none()
    lookup_field = "id"

    def get_queryset(self) -> QuerySet[ActiveLogin]:
        """Return the asker's logins."""
        return queries.logins_of(asker(self.request).pk)

    @extend_schema(operation_id="account_sessions_destroy", responses={204: NOTHING})
    def delete(self, request: Request, id: str) -> Response:  # noqa: A002 - the path's word
        """End a session or token; event streams and downloads that began with it end within seconds."""
        active_logins.end_one(self.get_object())
        return Response(status=204)
