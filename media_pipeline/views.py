"""The video API's ordinary views."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from api.idempotency import idempotent
from api.pagination import NewestFirst
from api.parsers import Json
from api.schema import LOCATION
from media_pipeline import lifecycle
from media_pipeline.models import Video
from media_pipeline.own_videos import OwnVideos
from media_pipeline.removal import erase
from media_pipeline.serializers import FinishedUploadSerializer, UploadSerializer, VideoSerializer
from media_pipeline.uploads import acceptance
from media_pipeline.uploads.upload_handler import VideoUploadHandler


class Videos(OwnVideos):
    """The list, and the door for new ones."""

    pagination_class = NewestFirst
    made_can_be_deleted = True
    parser_classes = (MultiPartParser, Json)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """Put our upload handler in place before anything reads the body; the CSRF check would."""
        if request.method == "POST":
            request.upload_handlers = [VideoUploadHandler(request)]
        return super().initialize_request(request, *args, **kwargs)

    @extend_schema(operation_id="videos_list", responses=VideoSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List your videos, newest first."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        operation_id="videos_create",
        request={"multipart/form-data": UploadSerializer, "application/json": FinishedUploadSerializer},
        parameters=[LOCATION],
        responses={
            202: VideoSerializer,
            410: OpenApiResponse(description="The file of the upload is lost"),
            503: OpenApiResponse(description="The store of files does not answer; nothing was kept"),
            507: OpenApiResponse(description="No storage left for the video"),
        },
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Upload a video, or name one that came by a resumable upload; it is processed off stage."""
        accept = _accept_file if request.content_type.lower().startswith("multipart/") else _accept_resumed
        return self.accepted(accept(request).pk)


def _accept_file(request: Request) -> Video:
    sent = UploadSerializer(data=request.data)
    sent.is_valid(raise_exception=True)
    fields = sent.validated_data
    return acceptance.accept(request.user, fields["file"], fields["title"], fields["project"])


def _accept_resumed(request: Request) -> Video:
    sent = FinishedUploadSerializer(data=request.data)
    sent.is_valid(raise_exception=True)
    fields = sent.validated_data
    now = timezone.now()
    return acceptance.accept_resumed(request.user, fields["upload"], fields["title"], fields["project"], now)


class OneVideo(OwnVideos):
    """One video."""

    @extend_schema(operation_id="videos_retrieve")
    def get(self, request: Request, id: str) -> Response:  # noqa: A002 - the path's word
        """Show a video."""
        video = self.own(id)
        headers = {} if video.is_final else {"Retry-After": "1"}
        return Response(self.get_serializer(video).data, headers=headers)

    @extend_schema(operation_id="videos_destroy", responses={204: OpenApiResponse(description="Gone.")})
    def delete(self, request: Request, id: str) -> Response:  # noqa: A002 - the path's word
        """Stop the video's work and remove every file."""
        erase.delete_video(self.own(id).pk)
        return Response(status=status.HTTP_204_NO_CONTENT)


class CancelVideo(OwnVideos):
    """Stop a video's work."""

    @extend_schema(
        operation_id="videos_cancel", parameters=[LOCATION], request=None, responses={202: VideoSerializer}
    )
    def post(self, request: Request, id: str) -> Response:  # noqa: A002 - the path's word
        """Stop the work, keeping what is done; 409 where nothing is under way."""
        video = self.own(id)
        lifecycle.cancel(video.pk, timezone.now())
        return self.accepted(video.pk)


class RetryVideo(OwnVideos):
    """Work on a video again."""

    @extend_schema(
        operation_id="videos_retry", parameters=[LOCATION], request=None, responses={202: VideoSerializer}
    )
    def post(self, request: Request, id: str) -> Response:  # noqa: A002 - the path's word
        """Work on it again, keeping what is done; 409 unless it failed or was cancelled."""
        video = self.own(id)
        lifecycle.retry(video.pk)
        return self.accepted(video.pk)
