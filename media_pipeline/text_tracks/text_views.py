"""The API's view of one text track of a video."""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from api.schema import LOCATION
from media_pipeline.errors import TooLarge
from media_pipeline.models import TextKind
from media_pipeline.own_videos import OwnVideos
from media_pipeline.serializers import VideoSerializer
from media_pipeline.text_tracks import text_tracks

KIND = OpenApiParameter(
    "kind",
    enum=TextKind.values,
    default=TextKind.SUBTITLES.value,
    description="which text of the language: `subtitles`, `captions` (with sounds), `forced` (what all have to read)",
)
LANGUAGE = OpenApiParameter(
    "language",
    location=OpenApiParameter.PATH,
    description="BCP 47 tag such as `en` or `pt-BR`, or `und` for none; `eng` is the same as `en`",
)
PACKAGED_BY_A_JOB = """

A job then packages this text alone, within seconds: `outputs.subtitles`, `hls` and `dash` of the video show the change
once it is complete. URLs from before stay valid for a day, so that players go on. A change that cannot be made is told
in `warnings`."""


class TextFile(BaseParser):
    """A body that is a file, whatever its type says: programs know several for text tracks, and many none."""

    media_type = "*/*"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Mapping[Any, Any]:
        """Return the body as `file`. Raises TooLarge beyond VIDEO_SUBTITLES_MAX_BYTES, 415 for a form."""
        if media_type and media_type.startswith("multipart/"):
            raise UnsupportedMediaType(media_type, "Send the file itself as the body, without a form.")
        limit = settings.VIDEO_SUBTITLES_MAX_BYTES
        body: bytes = stream.read(limit + 1)
        if len(body) > limit:
            raise TooLarge(f"The text track exceeds {limit} bytes.")
        return {"file": body}


class TrackQuery(serializers.Serializer[Any]):
    """What the query names."""

    kind = serializers.ChoiceField(choices=TextKind.choices, default=TextKind.SUBTITLES)


class TextTrack(OwnVideos):
    """One text track of a video, by language and kind."""

    parser_classes = (TextFile,)

    @extend_schema(
        operation_id="videos_subtitles_put",
        description="Put a text track into a ready video, or replace the one of this language and kind.\n\n"
        "The body is a WebVTT or SubRip file, told apart by its content: in UTF-8, UTF-16, the `charset` of its type,"
        " or the code page that its language had on Windows. Styles and positions are dropped, cues are cut at the end"
        f" of the video. Repeating a request changes nothing.{PACKAGED_BY_A_JOB}",
        parameters=[LANGUAGE, KIND, LOCATION],
        request={"text/vtt": OpenApiTypes.STR, "application/x-subrip": OpenApiTypes.STR},
        responses={
            202: VideoSerializer,
            409: OpenApiResponse(description="The video is not ready"),
            413: OpenApiResponse(description="The file is larger than VIDEO_SUBTITLES_MAX_BYTES"),
        },
    )
    def put(self, request: Request, id: str, language: str) -> Response:  # noqa: A002 - the path's word
        """Put or replace the track."""
        video = self.own(id)
        charset = str(request.content_type.partition("charset=")[2]).strip(' "')
        sent: Any = request.data
        text_tracks.put(video, language, _kind(request), sent.get("file", b""), charset)
        return self.accepted(video.pk)

    @extend_schema(
        operation_id="videos_subtitles_destroy",
        description=f"Remove the text track of this language and kind from a ready video.{PACKAGED_BY_A_JOB}",
        parameters=[LANGUAGE, KIND, LOCATION],
        request=None,
        responses={202: VideoSerializer, 409: OpenApiResponse(description="The video is not ready")},
    )
    def delete(self, request: Request, id: str, language: str) -> Response:  # noqa: A002 - the path's word
        """Remove the track."""
        video = self.own(id)
        text_tracks.remove(video, language, _kind(request))
        return self.accepted(video.pk)


def _kind(request: Request) -> TextKind:
    query = TrackQuery(data=request.query_params)
    query.is_valid(raise_exception=True)
    return TextKind(query.validated_data["kind"])
