"""The doors of the API: signing up, logging in, the account, projects, browsers."""

from typing import Any, cast

from asgiref.sync import async_to_sync
from django.contrib.auth import logout
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.serializers import BaseSerializer

from accounts import (
    active_logins,
    deletion,
    export,
    login,
    passwords,
    profile,
    projects,
    push,
    queries,
    serializers,
    signup,
    throttles,
    web_push,
)
from accounts.doors import LIMITED, NOTHING, Door, OpenDoor, asker
from accounts.login_watch import watch
from accounts.models import Deletion, DeletionState, Export, ExportState, Project, User
from api.idempotency import idempotent, idempotent_after
from api.pagination import NewestFirst
from api.ranges import serve_file
from api.schema import LOCATION
from api.throttle import client_address

UNVERIFIED = OpenApiResponse(description="The address was never proven")
PARTS = {
    (200, "application/zip"): OpenApiTypes.BINARY,
    (206, "application/zip"): OpenApiTypes.BINARY,
    304: OpenApiResponse(description="The copy that the client has is good"),
    412: OpenApiResponse(description="The copy that the client has a part of is another one"),
    416: OpenApiResponse(description="There are no such bytes"),
}


class Signup(OpenDoor):
    """Signing up."""

    serializer_class = serializers.SignupIn
    throttle_classes = (throttles.SignupThrottle,)

    def hashed(self, request: Request) -> User:
        """Return the user to be; no transaction is open while the password is hashed."""
        sent = self.sent(request)
        return signup.newcomer(sent["email"], sent["password"], sent["name"])

    @extend_schema(operation_id="signup", responses={201: serializers.SignupOut})
    @idempotent_after(hashed)
    def post(self, request: Request, newcomer: User) -> Response:
        """Ask for an account; the answer is the same whether or not the address has one already."""
        signup.register(newcomer)
        detail = "Signup successful. Please open the link in the mail that we send you."
        body = {"detail": detail, "email": self.sent(request)["email"]}
        return Response(body, status=status.HTTP_201_CREATED)


class VerifyEmail(OpenDoor):
    """Proving an address."""

    serializer_class = serializers.TokenIn

    @extend_schema(operation_id="verify_email", responses=serializers.DetailOut)
    @idempotent
    def post(self, request: Request) -> Response:
        """Prove the address with the token out of the mail."""
        signup.verify(self.sent(request)["token"], timezone.now())
        return Response({"detail": "Your address is verified. You can log in now."})


class ResendVerification(OpenDoor):
    """Another verification mail."""

    serializer_class = serializers.AddressIn
    throttle_classes = (throttles.MailThrottle,)

    @extend_schema(operation_id="verify_email_resend", responses={202: serializers.DetailOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Ask for another verification mail; the answer is the same for every address."""
        signup.ask_verification(self.sent(request)["email"])
        detail = "If that address waits for its verification, a mail is on its way."
        return Response({"detail": detail}, status=status.HTTP_202_ACCEPTED)


class Login(OpenDoor):
    """Logging in."""

    serializer_class = serializers.LoginIn

    @extend_schema(operation_id="login", responses={200: serializers.LoginOut, 403: UNVERIFIED, 429: LIMITED})
    def post(self, request: Request) -> Response:
        """Exchange address and password for a bearer token."""
        sent = self.sent(request)
        token, expires_at = login.log_in(
            cast(HttpRequest, request), sent["email"], sent["password"], sent["code"]
        )
        return Response(serializers.LoginOut({"token": token, "expires_at": expires_at}).data)


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


class PasswordReset(OpenDoor):
    """A forgotten password."""

    serializer_class = serializers.AddressIn
    throttle_classes = (throttles.MailThrottle,)

    @extend_schema(operation_id="password_reset", responses={202: serializers.DetailOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Ask for a mail that lets one set a new password; the answer is the same for every address."""
        passwords.ask_reset(self.sent(request)["email"])
        detail = "If that address has an account, a mail is on its way."
        return Response({"detail": detail}, status=status.HTTP_202_ACCEPTED)


class PasswordResetConfirm(OpenDoor):
    """The new password."""

    serializer_class = serializers.NewPasswordIn

    def hashed(self, request: Request) -> str:
        """Return the new password's hash; no transaction is open while it is computed."""
        sent = self.sent(request)
        return passwords.prepare(sent["token"], sent["password"], timezone.now())

    @extend_schema(operation_id="password_reset_confirm", responses=serializers.DetailOut)
    @idempotent_after(hashed)
    def post(self, request: Request, hashed: str) -> Response:
        """Set the password with the token out of the mail; every login ends."""
        passwords.confirm(self.sent(request)["token"], hashed, timezone.now(), client_address(request))
        return Response({"detail": "Your password is set. You can log in now."})


class Account(Door):
    """The user who asks."""

    serializer_class = serializers.AccountOut

    @extend_schema(operation_id="account_retrieve")
    def get(self, request: Request) -> Response:
        """Show the account."""
        return Response(self.get_serializer(request.user).data)

    @extend_schema(operation_id="account_update")
    def patch(self, request: Request) -> Response:
        """Change the name."""
        serializer = self.get_serializer(request.user, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        user = asker(request)
        changed = profile.rename(user, serializer.validated_data.get("name", user.name))
        return Response(self.get_serializer(changed).data)

    @extend_schema(
        operation_id="account_destroy",
        parameters=[LOCATION],
        request=serializers.PasswordIn,
        responses={202: serializers.StartedOut, 429: LIMITED},
    )
    def delete(self, request: Request) -> Response:
        """Begin to delete all there is; every login ends at once. The id in the answer is a secret."""
        sent = serializers.PasswordIn(data=request.data)
        sent.is_valid(raise_exception=True)
        password = sent.validated_data["password"]
        begun = deletion.request_deletion(cast(HttpRequest, request), asker(request), password)
        return started(request, "accounts:deletion", begun)


class DeletionStatus(generics.GenericAPIView[Deletion]):
    """A deletion, for whoever knows its id."""

    serializer_class = serializers.DeletionOut
    permission_classes = (AllowAny,)
    authentication_classes = ()
    lookup_field = "id"

    def get_queryset(self) -> QuerySet[Deletion]:
        """Return every deletion: the id is the secret."""
        return queries.deletions()

    @extend_schema(operation_id="account_deletion_retrieve")
    def get(self, request: Request, id: str) -> Response:  # noqa: A002 - the path's word
        """Show how far the deletion is."""
        asked = self.get_object()
        return status_of(self.get_serializer(asked).data, is_final=asked.state == DeletionState.DONE)


class Exports(generics.GenericAPIView[Export]):
    """Exports of the account."""

    serializer_class = serializers.StartedOut
    queryset = Export.objects.none()
    made_can_be_deleted = True

    def get_queryset(self) -> QuerySet[Export]:
        """Return the asker's exports."""
        return queries.exports_of(asker(self.request).pk)

    @extend_schema(
        operation_id="account_export",
        parameters=[LOCATION],
        request=None,
        responses={202: serializers.StartedOut},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Begin to write a ZIP of all that is stored about you."""
        return started(request, "accounts:export", export.request_export(asker(request)))


class OwnExport(generics.GenericAPIView[Export]):
    """One export."""

    serializer_class = serializers.ExportOut
    queryset = Export.objects.none()
    lookup_field = "id"

    def get_queryset(self) -> QuerySet[Export]:
        """Return the asker's exports."""
        return queries.exports_of(asker(self.request).pk)

    @extend_schema(operation_id="account_export_retrieve")
    def get(self, request: Request, id: str) -> Response:  # noqa: A002 - the path's word
        """Show how far the export is; `url` leads to the ZIP once it is ready."""
        asked = self.get_object()
        return status_of(self.get_serializer(asked).data, is_final=asked.state == ExportState.READY)


class ExportArchive(OwnExport):
    """The ZIP of an export."""

    def get_queryset(self) -> QuerySet[Export]:
        """Return the asker's exports that are ready."""
        return queries.ready_exports_of(asker(self.request).pk)

    @extend_schema(operation_id="account_export_archive", responses=PARTS)
    def get(self, request: Request, id: str) -> HttpResponseBase:  # type: ignore[override]  # noqa: A002
        """Download the ZIP."""
        holds = watch(active_logins.login_id_of(request, request.auth))
        with export.archive(self.get_object()) as path:
            return async_to_sync(serve_file)(
                cast(HttpRequest, request),
                path,
                "application/zip",
                save_as="offstage-export.zip",
                still_allowed=holds,
            )


class Projects(generics.ListCreateAPIView[Project]):
    """Your projects."""

    serializer_class = serializers.ProjectOut
    queryset = Project.objects.none()
    pagination_class = NewestFirst
    made_can_be_deleted = True

    def get_queryset(self) -> QuerySet[Project]:
        """Return the asker's projects."""
        return queries.projects_of(asker(self.request).pk)

    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:  # type: ignore[override]  # may be a replay
        """Create a project."""
        return super().post(request, *args, **kwargs)

    def perform_create(self, serializer: BaseSerializer[Project]) -> None:
        """Create it for the asker."""
        serializer.instance = projects.add(asker(self.request), serializer.validated_data["name"])


class OwnProject(generics.RetrieveUpdateDestroyAPIView[Project]):
    """One project."""

    serializer_class = serializers.ProjectOut
    queryset = Project.objects.none()
    lookup_field = "id"
    http_method_names = ("get", "patch", "delete", "head", "options")

    def get_queryset(self) -> QuerySet[Project]:
        """Return the asker's projects."""
        return queries.projects_of(asker(self.request).pk)

    def perform_update(self, serializer: BaseSerializer[Project]) -> None:
        """Change the name, where one was sent."""
        project = cast(Project, serializer.instance)
        projects.rename(project, serializer.validated_data.get("name", project.name))

    def perform_destroy(self, instance: Project) -> None:
        """Delete it; its videos stay."""
        projects.remove(instance)


class PushSubscriptions(Door):
    """Browsers that take notifications."""

    serializer_class = serializers.PushSubscriptionIn

    @extend_schema(operation_id="push_subscriptions_create", responses={201: serializers.PushEndpoint})
    @idempotent
    def post(self, request: Request) -> Response:
        """Send notifications to this browser."""
        sent = self.sent(request)
        keys = sent["keys"]
        push.subscribe(asker(request), sent["endpoint"], keys["p256dh"], keys["auth"])
        return Response({"endpoint": sent["endpoint"]}, status=status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="push_subscriptions_destroy",
        request=serializers.PushEndpoint,
        responses={204: NOTHING},
    )
    def delete(self, request: Request) -> Response:
        """Send this browser nothing any more."""
        sent = serializers.PushEndpoint(data=request.data)
        sent.is_valid(raise_exception=True)
        push.unsubscribe(asker(request), sent.validated_data["endpoint"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class PushKey(generics.GenericAPIView[Any]):
    """The key that a browser asks for before it subscribes."""

    serializer_class = serializers.PushKeyOut
    permission_classes = (AllowAny,)
    authentication_classes = ()

    @extend_schema(operation_id="push_key")
    def get(self, request: Request) -> Response:
        """Show the VAPID public key, base64url."""
        return Response({"key": web_push.public_key()})


def started(request: Request, name: str, begun: Deletion | Export) -> Response:
    """Answer 202: the work has begun, and here one may ask about it."""
    status_url = reverse(name, kwargs={"id": begun.pk}, request=request)
    body = {"id": str(begun.pk), "status_url": status_url}
    return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": status_url})


def status_of(body: Any, *, is_final: bool) -> Response:
    """Answer with a status that a client asks for again until it is final; no cache keeps it."""
    headers = {"Cache-Control": "no-store"} if is_final else {"Cache-Control": "no-store", "Retry-After": "1"}
    return Response(body, headers=headers)
