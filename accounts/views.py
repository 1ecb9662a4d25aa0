"""The doors of the API: signing up, logging in, the account, projects, browsers."""

from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpRequest
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts import profile, projects, queries
from accounts.account_deletion import deletion
from accounts.input_views import LIMITED, InputView, current_user
from accounts.models import Project
from accounts.progress_responses import started
from accounts.serializers import AccountOut, PasswordIn, ProjectOut, StartedOut
from api.idempotency import idempotent
from api.pagination import NewestFirst
from api.schema import LOCATION


class Account(InputView):
    """The user's account."""

    serializer_class = AccountOut

    @extend_schema(operation_id="account_retrieve")
    def get(self, request: Request) -> Response:
        """Show the account."""
        return Response(self.get_serializer(request.user).data)

    @extend_schema(operation_id="account_update")
    def patch(self, request: Request) -> Response:
        """Change the name."""
        serializer = self.get_serializer(request.user, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        user = current_user(request)
        changed = profile.rename(user, serializer.validated_data.get("name", user.name))
        return Response(self.get_serializer(changed).data)

    @extend_schema(
        operation_id="account_destroy",
        parameters=[LOCATION],
        request=PasswordIn,
        responses={202: StartedOut, 429: LIMITED},
    )
    def delete(self, request: Request) -> Response:
        """Begin to delete all there is; every login ends at once. The id in the answer is a secret."""
        sent = PasswordIn(data=request.data)
        sent.is_valid(raise_exception=True)
        password = sent.validated_data["password"]
        begun = deletion.request_deletion(cast(HttpRequest, request), current_user(request), password)
        return started(request, "accounts:deletion", begun)


class Projects(generics.ListCreateAPIView[Project]):
    """Your projects."""

    serializer_class = ProjectOut
    queryset = Project.objects.none()
    pagination_class = NewestFirst
    made_can_be_deleted = True

    def get_queryset(self) -> QuerySet[Project]:
        """Return the user's projects."""
        return queries.projects_of(current_user(self.request).pk)

    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:  # type: ignore[override]  # may be a replay
        """Create a project."""
        return super().post(request, *args, **kwargs)

    def perform_create(self, serializer: BaseSerializer[Project]) -> None:
        """Create it for the user."""
        serializer.instance = projects.add(current_user(self.request), serializer.validated_data["name"])


class OwnProject(generics.RetrieveUpdateDestroyAPIView[Project]):
    """One project."""

    serializer_class = ProjectOut
    queryset = Project.objects.none()
    lookup_field = "id"
    http_method_names = ("get", "patch", "delete", "head", "options")

    def get_queryset(self) -> QuerySet[Project]:
        """Return the user's projects."""
        return queries.projects_of(current_user(self.request).pk)

    def perform_update(self, serializer: BaseSerializer[Project]) -> None:
        """Change the name, where one was sent."""
        project = cast(Project, serializer.instance)
        projects.rename(project, serializer.validated_data.get("name", project.name))

    def perform_destroy(self, instance: Project) -> None:
        """Delete it; its videos stay."""
        projects.remove(instance)
