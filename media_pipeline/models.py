"""Rows of the video app: the upload, the video, its named steps, its chunks, its recorded output files."""

import uuid
from base64 import b64decode
from typing import Final, TypedDict

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django.utils import timezone

from media_pipeline.file_names import decoded

TITLE_CHARACTERS = 200


class VideoState(models.TextChoices):
    """Where a video stands, as the API says it."""

    QUEUED = "queued"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StepState(models.TextChoices):
    """Where one named step of a video stands. A step that has nothing to do (no sound) is done.

    An optional step that was left out is failed, while its video goes on and becomes ready.
    """

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StepName(models.TextChoices):
    """The steps that the API shows, in the order in which it shows them."""

    PROBE = "probe"
    ENCODE = "encode"
    AUDIO = "audio"
    PACKAGE = "package"
    THUMBNAILS = "thumbnails"
    STORYBOARD = "storyboard"
    SUBTITLES = "subtitles"
    FINISH = "finish"


class TextKind(models.TextChoices):
    """What a text track is: all that is said, the same with sounds, or only what everybody has to read."""

    SUBTITLES = "subtitles"
    CAPTIONS = "captions"
    FORCED = "forced"


class AssetKind(models.TextChoices):
    """What an output file is good for."""

    HLS = "hls"
    DASH = "dash"
    MP4 = "mp4"
    POSTER = "poster"
    THUMBNAIL = "thumbnail"
    STORYBOARD = "storyboard"
    SUBTITLES = "subtitles"
    CHAPTERS = "chapters"


# The one table of what may follow what. A retry by the owner leads back to queued; a ready video stays ready.
TRANSITIONS: Final[dict[VideoState, frozenset[VideoState]]] = {
    VideoState.QUEUED: frozenset({VideoState.PROCESSING, VideoState.FAILED, VideoState.CANCELLED}),
    VideoState.PROCESSING: frozenset({VideoState.READY, VideoState.FAILED, VideoState.CANCELLED}),
    VideoState.READY: frozenset(),
    VideoState.FAILED: frozenset({VideoState.QUEUED}),
    VideoState.CANCELLED: frozenset({VideoState.QUEUED}),
}
FINAL_STATES: Final = frozenset({VideoState.READY, VideoState.FAILED, VideoState.CANCELLED})
# A video is worth watching without what these make; of the last step this is the measured quality.
OPTIONAL_STEPS: Final = frozenset(
    {StepName.THUMBNAILS, StepName.STORYBOARD, StepName.SUBTITLES, StepName.FINISH}
)


class Warned(TypedDict):
    """One entry of a video's warnings: the step that gave it, and a sentence for the owner."""

    step: str
    reason: str


def states_before(state: VideoState) -> list[VideoState]:
    """Return the states that may turn into `state`."""
    return [before for before, after in TRANSITIONS.items() if state in after]


class Video(models.Model):
    """One uploaded video of one owner."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="videos")
    project = models.ForeignKey(
        "accounts.Project", on_delete=models.SET_NULL, null=True, blank=True, related_name="videos"
    )
    title = models.CharField(max_length=TITLE_CHARACTERS, blank=True)
    state = models.CharField(max_length=10, choices=VideoState.choices, default=VideoState.QUEUED)
    progress = models.PositiveSmallIntegerField(default=0, help_text="0 to 100; never falls")
    error = models.TextField(blank=True, help_text="Why it failed, in words for its owner")
    warnings = models.JSONField(
        default=list,
        db_default=Value([], models.JSONField()),  # for processes of the last release
        blank=True,
        help_text="What was left out or found damaged: a list of {step, reason}",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    duration_seconds = models.FloatField(null=True, blank=True)
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    source = models.CharField(
        max_length=200, blank=True, help_text="Name in the video's folder; empty: erased"
    )
    source_bytes = models.PositiveBigIntegerField(default=0)
    film = models.JSONField(null=True, blank=True, help_text="What probing found")
    plan = models.JSONField(null=True, blank=True, help_text="Grid, rungs and chunks; empty until probed")
    vmaf = models.FloatField(null=True, blank=True, help_text="Quality of the best rendition, 0 to 100")
    root_job = models.UUIDField(
        null=True, blank=True, help_text="First job of the present run of the pipeline"
    )
    version = models.PositiveBigIntegerField(default=0, help_text="Grows with each change an owner can see")

    class Meta:
        """Constraints that must hold whatever the code does."""

        constraints = (
            models.CheckConstraint(condition=Q(state__in=VideoState.values), name="video_state_known"),
            models.CheckConstraint(condition=Q(progress__range=(0, 100)), name="video_progress_percent"),
            models.CheckConstraint(
                condition=~Q(state=VideoState.READY) | Q(progress=100, finished_at__isnull=False),
                name="video_ready_is_finished",
            ),
            models.CheckConstraint(
                condition=~Q(state=VideoState.FAILED) | ~Q(error=""), name="video_failed_says_why"
            ),
        )
        indexes = (models.Index(F("owner"), F("created_at").desc(), F("id").desc(), name="video_owned_by"),)

    def __str__(self) -> str:
        """Name it by title, or by id where it has none."""
        return self.title or str(self.pk)

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens unless someone asks for it."""
        return VideoState(self.state) in FINAL_STATES


class Upload(models.Model):
    """One video that comes in pieces, until a video is made of it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="uploads")
    length_bytes = models.PositiveBigIntegerField(help_text="How many bytes it will have")
    offset_bytes = models.PositiveBigIntegerField(
        default=0, help_text="How many of them are on the disk for good"
    )
    metadata = models.TextField(blank=True, help_text="As the client sent it: key, space, base64; commas")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(help_text="Moved on whenever the offset moves")
    used_at = models.DateTimeField(
        null=True, blank=True, help_text="When the video of the same id was made of it"
    )

    class Meta:
        """Constraints that must hold whatever the code does."""

        constraints = (
            models.CheckConstraint(
                condition=Q(offset_bytes__lte=F("length_bytes")), name="upload_offset_within_length"
            ),
            models.CheckConstraint(
                condition=Q(used_at=None) | Q(offset_bytes=F("length_bytes")), name="upload_used_when_whole"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="upload_expires_after_it_began"
            ),
        )
        indexes = (models.Index(fields=("expires_at",), name="upload_expired"),)

    def __str__(self) -> str:
        """Name it by id and how far it is."""
        return f"{self.pk} {self.offset_bytes}/{self.length_bytes}"

    @property
    def is_whole(self) -> bool:
        """Whether every byte is there."""
        return self.offset_bytes == self.length_bytes

    @property
    def file_name(self) -> str:
        """What the client called the file; good for a title, and never for a path."""
        sent = dict(pair.strip().partition(" ")[::2] for pair in self.metadata.split(","))
        # Clients call it one or the other; neither is part of the protocol.
        encoded = sent.get("filename") or sent.get("name") or ""
        return decoded(b64decode(encoded))


class Step(models.Model):
    """One named stage of a video."""

    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="steps")
    name = models.CharField(max_length=12, choices=StepName.choices)
    state = models.CharField(max_length=10, choices=StepState.choices, default=StepState.QUEUED)
    progress = models.PositiveSmallIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """One row a name."""

        constraints = (
            models.UniqueConstraint(fields=("video", "name"), name="step_once_a_video"),
            models.CheckConstraint(condition=Q(name__in=StepName.values), name="step_name_known"),
            models.CheckConstraint(condition=Q(state__in=StepState.values), name="step_state_known"),
            models.CheckConstraint(condition=Q(progress__range=(0, 100)), name="step_progress_percent"),
        )

    def __str__(self) -> str:
        """Name it by video and step."""
        return f"{self.video_id} {self.name}"


class Chunk(models.Model):
    """One piece of source that one job encodes; the encode step's progress is the sum of these."""

    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    frames = models.PositiveIntegerField()
    frames_done = models.PositiveIntegerField(default=0)

    class Meta:
        """One row a number; never more frames done than there are."""

        constraints = (
            models.UniqueConstraint(fields=("video", "number"), name="chunk_once_a_video"),
            models.CheckConstraint(
                condition=Q(frames_done__lte=F("frames")), name="chunk_done_within_frames"
            ),
        )

    def __str__(self) -> str:
        """Name it by video and number."""
        return f"{self.video_id} {self.number}"


class Asset(models.Model):
    """One recorded output file; what is recorded is whole and under its final name."""

    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="assets")
    kind = models.CharField(max_length=12, choices=AssetKind.choices)
    name = models.CharField(
        max_length=100, help_text="Distinguishes files of a kind: height, number, language"
    )
    path = models.CharField(max_length=300, help_text="Below the video's output folder")
    bytes = models.PositiveBigIntegerField()

    class Meta:
        """A repeat of a step records no second row."""

        constraints = (
            models.UniqueConstraint(fields=("video", "kind", "name"), name="asset_once_a_video"),
            models.CheckConstraint(condition=Q(kind__in=AssetKind.values), name="asset_kind_known"),
        )

    def __str__(self) -> str:
        """Name it by video and path."""
        return f"{self.video_id} {self.path}"


class TextChange(models.Model):
    """A text track that a ready video is to get or to lose: what its owner asked for last, until a job has done it."""

    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="text_changes")
    language = models.CharField(max_length=35, help_text="BCP 47 tag")
    kind = models.CharField(max_length=10, choices=TextKind.choices)
    content = models.TextField(blank=True, help_text="WebVTT; empty: the track is removed")

    class Meta:
        """One change a track."""

        constraints = (
            models.UniqueConstraint(fields=("video", "language", "kind"), name="text_change_once_a_track"),
            models.CheckConstraint(condition=Q(kind__in=TextKind.values), name="text_change_kind_known"),
        )

    def __str__(self) -> str:
        """Name it by video and track."""
        return f"{self.video_id} {self.language} {self.kind}"
