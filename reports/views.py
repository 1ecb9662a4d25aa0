"""The reports' staff API."""

from pathlib import Path

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import NotFound
from api.idempotency import idempotent
from api.ranges import content_type_of
from api.schema import LOCATION
from celery_ledger.api.permissions import StaffWithPermission
from reports import files, queries, wishes
from reports.models import Report, ReportKind
from reports.serializers import ReportSerializer, WishSerializer


class _StaffView(GenericAPIView[Report]):
    permission_classes = (StaffWithPermission,)
    permission_needed = "reports.view_report"
    queryset = Report.objects.none()
    serializer_class = ReportSerializer

    def found(self, report_id: str) -> Report:
        """Return the report, or answer 404."""
        report = queries.report(report_id)
        if report is None:
            raise NotFound
        return report


class Reports(_StaffView):
    """The list, and the door for new ones."""

    @property
    def permission_needed(self) -> str:  # type: ignore[override]  # by method here
        """Return the permission to see reports, or to ask for one."""
        return "reports.add_report" if self.request.method == "POST" else "reports.view_report"

    @extend_schema(operation_id="reports_list", responses=ReportSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List reports, newest first."""
        page = self.paginate_queryset(queries.all_reports())
        return self.get_paginated_response(ReportSerializer(page, many=True).data)

    @extend_schema(
        operation_id="reports_create",
        parameters=[LOCATION],
        request=WishSerializer,
        responses={202: ReportSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Ask for a report; for a period that has one, that one is returned."""
        asked = WishSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        fields = asked.validated_data
        report = wishes.wish(ReportKind(fields["kind"]), fields["day"], timezone.now())
        headers = {"Location": f"/api/reports/{report.pk}"}
        return Response(ReportSerializer(report).data, status=status.HTTP_202_ACCEPTED, headers=headers)


class OneReport(_StaffView):
    """One report."""

    @extend_schema(operation_id="reports_retrieve")
    def get(self, request: Request, id: str) -> Response:  # noqa: A002 - the path's word
        """Show a report."""
        return Response(ReportSerializer(self.found(id)).data)


class ReportFile(_StaffView):
    """One file of a report."""

    @extend_schema(
        operation_id="reports_file",
        responses={(200, form): OpenApiTypes.BINARY for form in ("text/html", "text/csv", "application/pdf")},
    )
    def get(self, request: Request, id: str, form: str) -> HttpResponse:  # noqa: A002 - the path's word
        """Download a report as HTML, CSV or PDF."""
        name = getattr(self.found(id), form)
        content = files.read(id, name) if name else None
        if content is None:
            raise NotFound
        answer = HttpResponse(content, content_type=content_type_of(Path(name)))
        answer["Content-Disposition"] = f'inline; filename="{name}"'
        # The page needs its style and its picture and nothing else, least of all the reader's session.
        answer["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
        )
        return answer
