"""The shape of a video over HTTP, the same in lists, single answers and server-sent events."""

from pathlib import Path
from typing import Any, TypedDict

from django.http import HttpRequest
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api.fields import Text
from media_pipeline.engine.languages import track_title
from media_pipeline.engine.subtitles import Track
from media_pipeline.files import preview_files
from media_pipeline.models import (
    TITLE_CHARACTERS,
    Asset,
    AssetKind,
    Step,
    StepName,
    StepState,
    Upload,
    Video,
    VideoState,
)
from media_pipeline.plans import audio_tracks_of


class UploadSerializer(serializers.Serializer[Any]):
    """The fields of an upload."""

    file = serializers.FileField(allow_empty_file=True)  # the refusal of an empty video is ours, in our words
    title = serializers.CharField(max_length=TITLE_CHARACTERS, required=False, default="", allow_blank=True)
    project = serializers.UUIDField(required=False, default=None, allow_null=True)


class FinishedUploadSerializer(serializers.Serializer[Any]):
    """The same for a video that came by a resumable upload."""

    upload = serializers.UUIDField()
    title = Text(max_length=TITLE_CHARACTERS, required=False, default="", allow_blank=True)
    project = serializers.UUIDField(required=False, default=None, allow_null=True)


class OpenUploadSerializer(serializers.ModelSerializer[Upload]):
    """A resumable upload without a video; `filename` is what the client called the file, "" for no name."""

    url = serializers.SerializerMethodField()
    length = serializers.IntegerField(source="length_bytes", read_only=True)
    offset = serializers.IntegerField(source="offset_bytes", read_only=True)
    filename = serializers.CharField(source="file_name", read_only=True)

    class Meta:
        """The words of tus."""

        model = Upload
        fields = ("id", "url", "length", "offset", "filename", "created_at", "expires_at")
        read_only_fields = fields

    def get_url(self, upload: Upload) -> str:
        """Return where the upload is continued and ended."""
        request: HttpRequest = self.context["request"]
        return request.build_absolute_uri(f"/api/uploads/{upload.pk}")


class StepSerializer(serializers.ModelSerializer[Step]):
    """One named stage. The optional ones (thumbnails, storyboard, subtitles) may fail and the video be ready."""

    name = serializers.ChoiceField(choices=StepName.choices, read_only=True)
    state = serializers.ChoiceField(
        choices=StepState.choices,
        read_only=True,
        help_text="`failed` in a video that is ready or under way: the step was left out, see `warnings`",
    )

    class Meta:
        """Contract's names."""

        model = Step
        fields = ("name", "state", "progress", "attempts", "started_at", "finished_at")
        read_only_fields = fields


class WarningSerializer(serializers.Serializer[Any]):
    """What a ready video had to do without, or what was found damaged in its source."""

    step = serializers.ChoiceField(choices=StepName.choices, help_text="the step that found it")
    reason = serializers.CharField(
        help_text="what was left out or is damaged, and why: a sentence for the owner"
    )


class Mp4Serializer(serializers.Serializer[Any]):
    """One MP4 file."""

    height = serializers.IntegerField()
    url = serializers.URLField()


class SubtitlesSerializer(serializers.Serializer[Any]):
    """One WebVTT file."""

    language = serializers.CharField()
    kind = serializers.CharField(help_text="subtitles, captions (with sounds) or forced")
    title = serializers.CharField()
    url = serializers.URLField()


class AudioSerializer(serializers.Serializer[Any]):
    """One audio track. `title` is its name in the playlists, unique in a video."""

    language = serializers.CharField(help_text="BCP 47; und where the source does not say")
    title = serializers.CharField()
    kind = serializers.CharField(
        help_text="main, dub, commentary, description (of the picture) or enhanced-audio-intelligibility"
    )
    default = serializers.BooleanField(help_text="plays unless the user chooses; the MP4s have this one")


class QualitySerializer(serializers.Serializer[Any]):
    """How near the best rendition is to its source."""

    vmaf = serializers.FloatField(allow_null=True)


class OutputsSerializer(serializers.Serializer[Any]):
    """What came out; what a video does not have (speech) is empty or null."""

    hls = serializers.URLField(allow_null=True)
    dash = serializers.URLField(allow_null=True)
    mp4 = Mp4Serializer(many=True)
    poster = serializers.URLField(allow_null=True)
    thumbnails = serializers.ListField(child=serializers.URLField())
    storyboard = serializers.URLField(allow_null=True)
    subtitles = SubtitlesSerializer(many=True)
    audio = AudioSerializer(many=True)
    chapters = serializers.URLField(
        allow_null=True, help_text="a WebVTT chapters track, null where the source has no chapters"
    )
    quality = QualitySerializer()


class Outputs(TypedDict):
    """The same in Python."""

    hls: str | None
    dash: str | None
    mp4: list[dict[str, int | str]]
    poster: str | None
    thumbnails: list[str]
    storyboard: str | None
    subtitles: list[dict[str, str]]
    audio: list[dict[str, str | bool]]
    chapters: str | None
    quality: dict[str, float | None]


class VideoSerializer(serializers.ModelSerializer[Video]):
    """A video. `outputs` is null until it is ready.

    `playable` is true as soon as something can be watched: at first `preview`, an HLS playlist that grows with what is
    encoded, and once the video is ready its `outputs`; `preview` is null then.
    """

    state = serializers.ChoiceField(choices=VideoState.choices, read_only=True)
    duration = serializers.FloatField(source="duration_seconds", read_only=True, allow_null=True)
    project = serializers.UUIDField(source="project_id", read_only=True, allow_null=True)
    steps = StepSerializer(many=True, read_only=True)
    warnings = WarningSerializer(
        many=True, read_only=True, help_text="what was left out or found damaged; it does not fail the video"
    )
    playable = serializers.SerializerMethodField()
    preview = serializers.SerializerMethodField()
    outputs = serializers.SerializerMethodField()
    status_url = serializers.SerializerMethodField()

    class Meta:
        """Contract's names and order."""

        model = Video
        fields = (
            "id",
            "title",
            "project",
            "state",
            "progress",
            "error",
            "created_at",
            "finished_at",
            "duration",
            "width",
            "height",
            "steps",
            "warnings",
            "playable",
            "preview",
            "outputs",
            "status_url",
        )
        read_only_fields = fields

    def get_playable(self, video: Video) -> bool:
        """Say whether something of the video can be watched."""
        return video.state == VideoState.READY or _has_preview(video)

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_preview(self, video: Video) -> str | None:
        """Return the URL of what can be watched before the video is ready."""
        request: HttpRequest = self.context["request"]
        path = f"/api/videos/{video.pk}/preview/{preview_files.MAIN}"
        return request.build_absolute_uri(path) if _has_preview(video) else None

    @extend_schema_field(OutputsSerializer(allow_null=True))
    def get_outputs(self, video: Video) -> Outputs | None:
        """Return the outputs' URLs."""
        if video.state != VideoState.READY:
            return None
        files = _Files(self.context["request"], video)
        return {
            "hls": files.first(AssetKind.HLS),
            "dash": files.first(AssetKind.DASH),
            "mp4": [
                {"height": int(asset.name), "url": files.url(asset)} for asset in files.of(AssetKind.MP4)
            ],
            "poster": files.first(AssetKind.POSTER),
            "thumbnails": [files.url(asset) for asset in files.of(AssetKind.THUMBNAIL)],
            "storyboard": files.first(AssetKind.STORYBOARD),
            "subtitles": [_subtitles(asset, files) for asset in files.of(AssetKind.SUBTITLES)],
            "audio": _audio(video),
            "chapters": files.first(AssetKind.CHAPTERS),
            "quality": {"vmaf": video.vmaf},
        }

    def get_status_url(self, video: Video) -> str:
        """Return where the video's state is."""
        request: HttpRequest = self.context["request"]
        return request.build_absolute_uri(f"/api/videos/{video.pk}")


def _has_preview(video: Video) -> bool:
    has_first_chunk: bool = video.has_first_chunk  # type: ignore[attr-defined]  # annotated by `queries.videos_of`
    return has_first_chunk and not video.is_final


def _subtitles(asset: Asset, files: "_Files") -> dict[str, str]:
    track = Track.of(Path(asset.path))
    title = track_title(track.language, track.kind)
    return {"language": track.language, "kind": track.kind, "title": title, "url": files.url(asset)}


def _audio(video: Video) -> list[dict[str, str | bool]]:
    return [
        {"language": track.language, "title": track.title, "kind": track.kind, "default": number == 0}
        for number, track in enumerate(audio_tracks_of(video))
    ]


class _Files:
    """The recorded files of one video, by kind, with their URLs."""

    def __init__(self, request: HttpRequest, video: Video) -> None:
        self._base = request.build_absolute_uri(f"/api/videos/{video.pk}/files/")
        self._assets = list(video.assets.all())

    def of(self, kind: AssetKind) -> list[Asset]:
        return [asset for asset in self._assets if asset.kind == kind]

    def url(self, asset: Asset) -> str:
        return self._base + asset.path

    def first(self, kind: AssetKind) -> str | None:
        return next((self.url(asset) for asset in self.of(kind)), None)
