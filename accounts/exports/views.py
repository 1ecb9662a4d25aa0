"""The API to exports."""

from typing import cast

from asgiref.sync import async_to_sync
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries
from accounts.exports import export
from accounts.exports.models import Export, ExportState
from accounts.exports.serializers import ExportOut
from accounts.input_views import current_user
from accounts.logins import active_logins
from accounts.logins.login_watch import watch
from accounts.progress_responses import started, status_of
from accounts.serializers import StartedOut
from api.idempotency import idempotent
from api.ranges import serve_file
from api.schema import LOCATION

PARTS = {
    (200, "application/zip"): OpenApiTypes.BINARY,
    (206, "application/zip"): OpenApiTypes.BINARY,
    304: OpenApiResponse(description="Not modified"),
    412: OpenApiResponse(description="Precondition failed: the file has changed"),
    416: OpenApiResponse(description="Range not satisfiable"),
}


class Exports(generics.GenericAPIView[Export]):
    """Exports of the account."""

    serializer_class = StartedOut
    queryset = Export.objects.none()
    made_can_be_deleted = True

    def get_queryset(self) -> QuerySet[Export]:
        """Return the user's exports."""
        return queries.exports_of(current_user(self.request).pk)

    @extend_schema(
        operation_id="account_export",
        parameters=[LOCATION],
        request=None,
        responses={202: StartedOut},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Begin to write a ZIP of all that is stored about you."""
        return started(request, "accounts:export", export.request_export(current_user(request)))


class OwnExport(generics.GenericAPIView[Export]):
    """One export."""

    serializer_class = ExportOut
    queryset = Export.objects.none()
    lookup_field = "id"

    def get_queryset(self) -> QuerySet[Export]:
        """Return the user's exports."""
        return queries.exports_of(current_user(self.request).pk)

    @extend_schema(operation_id="account_export_retrieve")
    def get(self, request: Request, id: str) -> Response:  # noqa: A002 - the path's word
        """Show how far the export is; `url` leads to the ZIP once it is ready."""
        asked = self.get_object()
        return status_of(self.get_serializer(asked).data, is_final=asked.state == ExportState.READY)


class ExportArchive(OwnExport):
    """The ZIP of an export."""

    def get_queryset(self) -> QuerySet[Export]:
        """Return the user's exports that are ready."""
        return queries.ready_exports_of(current_user(self.request).pk)

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
