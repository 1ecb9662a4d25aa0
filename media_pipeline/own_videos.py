"""Views over one's own videos."""

from uuid import UUID

from django.db.models import QuerySet
from rest_framework import generics, status
from rest_framework.response import Response

from api.errors import NotFound
from media_pipeline import queries
from media_pipeline.models import Video
from media_pipeline.serializers import VideoSerializer


class OwnVideos(generics.GenericAPIView[Video]):
    """What all these views share: the videos of the user, and no others."""

    queryset = Video.objects.none()
    serializer_class = VideoSerializer

    def get_queryset(self) -> QuerySet[Video]:
        """Return the user's videos."""
        return queries.videos_of(self.request.user.pk)

    def own(self, video_id: str) -> Video:
        """Return the video, or answer 404."""
        video = queries.video_of(self.request.user.pk, video_id)
        if video is None:
            raise NotFound
        return video

    def accepted(self, video_id: UUID) -> Response:
        """Answer 202 with the video and where to look for it."""
        body = self.get_serializer(self.own(str(video_id))).data
        return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": body["status_url"]})
