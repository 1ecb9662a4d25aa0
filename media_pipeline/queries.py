"""Sets of rows of the video app, each named for what it returns."""

from datetime import datetime
from uuid import UUID

from django.db.models import Count, Exists, F, Min, OuterRef, Prefetch, QuerySet, Sum

from accounts.models import Project, User
from celery_ledger.models import Job, JobError
from celery_ledger.states import UNFINISHED, JobState
from media_pipeline.models import (
    FINAL_STATES,
    Asset,
    AssetKind,
    Chunk,
    Step,
    StepName,
    StepState,
    TextChange,
    Upload,
    Video,
    VideoState,
    states_before,
)


def videos_of(owner_id: UUID | None) -> QuerySet[Video]:
    """Films of one owner with steps and outputs at hand, and whether the first chunk is encoded."""
    first_chunk = Chunk.objects.filter(video=OuterRef("pk"), number=0, frames_done=F("frames"))
    return (
        Video.objects.filter(owner_id=owner_id)
        .annotate(has_first_chunk=Exists(first_chunk))
        .prefetch_related(
            Prefetch("steps", Step.objects.order_by("pk")), Prefetch("assets", Asset.objects.order_by("pk"))
        )
    )


def video_of(owner_id: UUID | None, video_id: UUID | str) -> Video | None:
    """Return the owner's video with steps and outputs, None for anybody else's."""
    return videos_of(owner_id).filter(pk=video_id).first()


def is_owned(owner_id: UUID, video_id: UUID | str) -> bool:
    """Say whether there is such a video of the owner's."""
    return Video.objects.filter(owner_id=owner_id, pk=video_id).exists()


def title_of(owner_id: UUID, video_id: UUID | str) -> str | None:
    """Return the title of the owner's video, None for anybody else's."""
    return Video.objects.filter(owner_id=owner_id, pk=video_id).values_list("title", flat=True).first()


def with_upload(owner_id: UUID | None) -> QuerySet[Video]:
    """Films of one owner whose upload is still there."""
    return Video.objects.filter(owner_id=owner_id).exclude(source="").order_by("pk")


def under_way(owner_id: UUID | None) -> QuerySet[Video]:
    """Films of one owner that are queued or processing."""
    return Video.objects.filter(owner_id=owner_id).exclude(state__in=FINAL_STATES)


def stored(owner_id: UUID | None) -> tuple[int, int]:
    """Return how many videos the owner has, and how many bytes were uploaded for them."""
    totals = Video.objects.filter(owner_id=owner_id).aggregate(count=Count("pk"), size=Sum("source_bytes"))
    return totals["count"], totals["size"] or 0


def with_assets(owner_id: UUID | None) -> QuerySet[Video]:
    """Films of one owner with recorded output files."""
    assets = Asset.objects.filter(video=OuterRef("pk"))
    return Video.objects.filter(Exists(assets), owner_id=owner_id).order_by("pk")


def project_of(owner_id: UUID | None, project_id: UUID | str) -> Project | None:
    """Return the owner's project, None for anybody else's."""
    return Project.objects.filter(owner_id=owner_id, pk=project_id).first()


def locked(video_id: UUID | str) -> Video | None:
    """Return the video with its row locked until the transaction ends. Always lock it before its steps."""
    return Video.objects.select_for_update().filter(pk=video_id).first()


def add_video(video: Video) -> Video:
    """Store a new video with its steps."""
    video.save(force_insert=True)
    Step.objects.bulk_create([Step(video=video, name=name) for name in StepName])
    return video


def move(video_id: UUID | str, state: VideoState, **changes: object) -> bool:
    """Turn the video's state into `state` where the table of transitions allows it, else return False."""
    allowed = Video.objects.filter(pk=video_id, state__in=states_before(state))
    return allowed.update(state=state, version=F("version") + 1, **changes) == 1


def store_warnings(video: Video) -> None:
    """Store the video's warnings, which its owner can see."""
    Video.objects.filter(pk=video.pk).update(warnings=video.warnings, version=F("version") + 1)


def touch(video_id: UUID | str) -> None:
    """Note that something the owner can see has changed."""
    Video.objects.filter(pk=video_id).update(version=F("version") + 1)


def unfinished_steps(video_id: UUID | str) -> QuerySet[Step]:
    """Steps that are not done."""
    return Step.objects.filter(video_id=video_id).exclude(state=StepState.DONE)


def is_left_out(video_id: UUID | str, name: StepName) -> bool:
    """Say whether this step of a video that is under way was given up, and the video goes on without it."""
    return Step.objects.filter(video_id=video_id, name=name, state=StepState.FAILED).exists()


def video(video_id: UUID | str) -> Video | None:
    """Return the video, None where it is gone."""
    return Video.objects.filter(pk=video_id).first()


def text_changes(video_id: UUID | str) -> QuerySet[TextChange]:
    """Text tracks that the video is to get or to lose, in the order in which they were asked for."""
    return TextChange.objects.filter(video_id=video_id).order_by("pk")


def text_assets(video_id: UUID | str) -> QuerySet[Asset]:
    """Recorded text tracks of the video."""
    return Asset.objects.filter(video_id=video_id, kind=AssetKind.SUBTITLES).order_by("pk")


def streams_of(video_id: UUID | str) -> str | None:
    """Return the output folder of the files that name a ready video's streams, None where there is none."""
    row = Asset.objects.filter(video_id=video_id, kind=AssetKind.HLS, video__state=VideoState.READY).first()
    return None if row is None else row.path.partition("/")[0]


def output_folders(video_id: UUID | str) -> set[str]:
    """Return the output folders that the video's recorded files are in."""
    paths = Asset.objects.filter(video_id=video_id).values_list("path", flat=True)
    return {path.partition("/")[0] for path in paths}


def undone_chunks(video_id: UUID | str) -> QuerySet[Chunk]:
    """Chunks that no job has encoded whole."""
    return Chunk.objects.filter(video_id=video_id, frames_done__lt=F("frames"))


def encoded_from_the_first(video_id: UUID | str) -> int:
    """Return how many chunks are whole, counted from the first without a gap."""
    gap: int | None = undone_chunks(video_id).aggregate(first=Min("number"))["first"]
    return Chunk.objects.filter(video_id=video_id).count() if gap is None else gap


def failures(root_job: UUID | str) -> list[JobError]:
    """Return the errors of this run's dead jobs, the newest first."""
    dead = JobError.objects.filter(job__root_id=root_job, job__state=JobState.DEAD)
    return list(dead.select_related("job").order_by("-at", "-pk"))


def unfinished_jobs(root_job: UUID | str) -> QuerySet[Job]:
    """Jobs of this run of a pipeline that still may do something."""
    return Job.objects.filter(root_id=root_job, state__in=UNFINISHED)


def stranded(before: datetime) -> QuerySet[Video]:
    """Films under way since before `before` for which no job is left that could end them."""
    open_roots = Job.objects.filter(state__in=UNFINISHED).values("root_id")
    return (
        Video.objects.filter(created_at__lt=before)
        .exclude(state__in=FINAL_STATES)
        .exclude(root_job__in=open_roots)
    )


def known(video_ids: list[UUID]) -> set[UUID]:
    """Return those of the ids that are videos."""
    return set(Video.objects.filter(pk__in=video_ids).values_list("pk", flat=True))


def ready(video_ids: list[UUID]) -> set[UUID]:
    """Return those of the ids that are ready videos."""
    return set(Video.objects.filter(pk__in=video_ids, state=VideoState.READY).values_list("pk", flat=True))


def ready_between(first: datetime, last: datetime) -> QuerySet[Video, UUID]:
    """Ids of the videos that got ready between these times."""
    ready = Video.objects.filter(state=VideoState.READY, finished_at__gte=first, finished_at__lt=last)
    return ready.values_list("pk", flat=True)


def upload_of(owner_id: UUID | None, upload_id: UUID | str) -> Upload | None:
    """Return the owner's upload, None for anybody else's."""
    return Upload.objects.filter(owner_id=owner_id, pk=upload_id).first()


def unused_uploads(owner_id: UUID | None) -> QuerySet[Upload]:
    """Uploads of one owner that no video was made of."""
    return Upload.objects.filter(owner_id=owner_id, used_at=None).order_by("created_at", "pk")


def open_uploads(owner_id: UUID | None, now: datetime) -> QuerySet[Upload]:
    """Uploads of one owner that can still be continued, or made a video of."""
    return unused_uploads(owner_id).filter(expires_at__gt=now)


def unused_upload(upload_id: UUID | str) -> QuerySet[Upload]:
    """The upload, unless a video was made of it."""
    return Upload.objects.filter(pk=upload_id, used_at=None)


def expired_uploads(now: datetime) -> QuerySet[Upload]:
    """Uploads whose time is up."""
    return Upload.objects.filter(expires_at__lte=now)


def known_uploads(upload_ids: list[UUID]) -> set[UUID]:
    """Return those of the ids that are uploads."""
    return set(Upload.objects.filter(pk__in=upload_ids).values_list("pk", flat=True))


def lock_uploader(owner_id: UUID) -> None:
    """Let one transaction at a time go on for this user; it still may be referred to."""
    User.objects.select_for_update(no_key=True).filter(pk=owner_id).first()


def use(upload_id: UUID, now: datetime) -> bool:
    """Mark the upload as used, if a video can be made of it; else return False: somebody else was first."""
    usable = unused_upload(upload_id).filter(offset_bytes=F("length_bytes"), expires_at__gt=now)
    return usable.update(used_at=now) == 1


def advance(upload_id: UUID, before_bytes: int, after_bytes: int, expires_at: datetime) -> bool:
    """Move the upload's offset on from where it was, else return False: somebody else moved it, or it is gone."""
    there = unused_upload(upload_id).filter(offset_bytes=before_bytes)
    return there.update(offset_bytes=after_bytes, expires_at=expires_at) == 1
