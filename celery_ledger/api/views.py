"""The staff API of the ledger."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException, NotFound
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from celery_ledger import control
from celery_ledger.api.permissions import StaffWithPermission
from celery_ledger.api.serializers import (
    JobSerializer,
    JobWithTracebacksSerializer,
    RetriedSerializer,
    RetryAllSerializer,
    WantedSerializer,
)
from celery_ledger.models import Job
from celery_ledger.operations import listing


class WrongState(APIException):
    """The job stands where this can't be done."""

    status_code = status.HTTP_409_CONFLICT


class _StaffView(GenericAPIView[Job]):
    permission_classes = (StaffWithPermission,)
    permission_needed = "celery_ledger.view_job"
    queryset = Job.objects.none()
    serializer_class = JobSerializer

    def shown(self, job_id: str | UUID) -> dict[str, Any]:
        """Return the job as the API shows it, or answer 404."""
        job = listing.one(job_id)
        if job is None:
            raise NotFound
        return dict(JobWithTracebacksSerializer(job).data)


class Jobs(_StaffView):
    """The list."""

    @extend_schema(
        operation_id="jobs_list", parameters=[WantedSerializer], responses=JobSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """List jobs, newest first."""
        asked = WantedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        page = self.paginate_queryset(_wanted(asked.validated_data))
        return self.get_paginated_response(JobSerializer(page, many=True).data)


class OneJob(_StaffView):
    """One job."""

    @extend_schema(operation_id="jobs_retrieve", responses=JobWithTracebacksSerializer)
    def get(self, request: Request, id: str) -> Response:  # noqa: A002 - the path's word
        """Show a job with every error."""
        return Response(self.shown(id))


class RetryJob(_StaffView):
    """Retry one job."""

    permission_needed = "celery_ledger.operate_job"

    @extend_schema(operation_id="jobs_retry", request=None, responses={202: JobWithTracebacksSerializer})
    def post(self, request: Request, id: str) -> Response:  # noqa: A002 - the path's word
        """Queue a dead or cancelled job again, its attempts anew; 409 where it is neither."""
        if not control.retry(id):
            raise WrongState(
                f"Only dead and cancelled jobs can be retried; this one is {self.shown(id)['state']}."
            )
        return Response(self.shown(id), status=status.HTTP_202_ACCEPTED)


class CancelJob(_StaffView):
    """Cancel one job."""

    permission_needed = "celery_ledger.operate_job"

    @extend_schema(operation_id="jobs_cancel", request=None, responses={202: JobWithTracebacksSerializer})
    def post(self, request: Request, id: str) -> Response:  # noqa: A002 - the path's word
        """Cancel a waiting job, or ask a running one to stop; 409 where it is finished."""
        if not control.cancel(id):
            raise WrongState(f"A finished job can't be cancelled; this one is {self.shown(id)['state']}.")
        return Response(self.shown(id), status=status.HTTP_202_ACCEPTED)


class RetryAll(_StaffView):
    """Retry many jobs."""

    permission_needed = "celery_ledger.operate_job"

    @extend_schema(
        operation_id="jobs_retry_all",
        request=RetryAllSerializer,
        responses={202: OpenApiResponse(RetriedSerializer)},
    )
    def post(self, request: Request) -> Response:
        """Queue every dead (or cancelled) job again, of one task or of all."""
        asked = RetryAllSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        retried = control.retry_all(asked.validated_data["state"], asked.validated_data["name"] or None)
        return Response({"retried": retried}, status=status.HTTP_202_ACCEPTED)


def _wanted(fields: dict[str, Any]) -> QuerySet[Job]:
    wanted = listing.Wanted(tuple(fields.get("state", ())), fields.get("name", ""), fields.get("queue", ""))
    return listing.without_tracebacks(listing.matching(wanted))
