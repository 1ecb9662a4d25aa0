"""Sets of rows of the video app, each named for what it returns."""

from datetime import datetime
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Prefetch, QuerySet, Sum

from accounts.models import Project, User
from celery_ledger.models import Job, JobError
from celery_ledger.states import UNFINISHED, JobState
from media_pipeline.models import (
    FINAL_STATES,
    Asset,
    Chunk,
    Step,
    StepName,
    StepState,
    Upload,
    Video,
    VideoState,
    states_before,
)


def videos_of(owner_id: UUID | None) -> QuerySet[Video]:
    """Films of one owner with steps and outputs at hand."""
    return Video.objects.filter(owner_id=owner_id).prefetch_related(
        Prefetch("steps", Step.objects.order_by("pk")), Prefetch("assets", Asset.objects.order_by("pk"))
    )


def video_of(owner_id: UUID | None, video_id: UUID | str) -> Video | None:
    """Return the owner's film with steps and outputs, None for anybody else's."""
    return videos_of(owner_id).filter(pk=video_id).first()


def is_owned(owner_id: UUID, video_id: UUID | str) -> bool:
    """Say whether there is such a film of the owner's."""
    return Video.objects.filter(owner_id=owner_id, pk=video_id).exists()


def with_upload(owner_id: UUID | None) -> QuerySet[Video]:
    """Films of one owner whose upload is still there."""
    return Video.objects.filter(owner_id=owner_id).exclude(source="").order_by("pk")


def under_way(owner_id: UUID | None) -> QuerySet[Video]:
    """Films of one owner that are queued or processing."""
    return Video.objects.filter(owner_id=owner_id).exclude(state__in=FINAL_STATES)


def stored(owner_id: UUID | None) -> tuple[int, int]:
    """Return how many films the owner has, and how many bytes were uploaded for them."""
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
    """Return the film with its row locked until the transaction ends. Always lock it before its steps."""
    return Video.objects.select_for_update().filter(pk=video_id).first()


def add_video(video: Video) -> Video:
    """Store a new film with its steps."""
    video.save(force_insert=True)
    Step.objects.bulk_create([Step(video=video, name=name) for name in StepName])
    return video


def move(video_id: UUID | str, state: VideoState, **changes: object) -> bool:
    """Turn the film's state into `state` where the table of transitions allows it, else return False."""
    allowed = Video.objects.filter(pk=video_id, state__in=states_before(state))
    return allowed.update(state=state, version=F("version") + 1, **changes) == 1


def touch(video_id: UUID | str) -> None:
    """Note that something the owner can see has changed."""
    Video.objects.filter(pk=video_id).update(version=F("version") + 1)


def unfinished_steps(video_id: UUID | str) -> QuerySet[Step]:
    """Steps that are not done."""
    return Step.objects.filter(video_id=video_id).exclude(state=StepState.DONE)


def undone_chunks(video_id: UUID | str) -> QuerySet[Chunk]:
    """Chunks that no job has encoded whole."""
    return Chunk.objects.filter(video_id=video_id, frames_done__lt=F("frames"))


def last_failure(root_job: UUID | str) -> JobError | None:
    """Return the error that made a job of this run dead, None where none is."""
    dead = JobError.objects.filter(job__root_id=root_job, job__state=JobState.DEAD)
    return dead.select_related("job").order_by("-at", "-pk").first()


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
    """Return those of the ids that are films."""
    return set(Video.objects.filter(pk__in=video_ids).values_list("pk", flat=True))


def ready(video_ids: list[UUID]) -> set[UUID]:
    """Return those of the ids that are ready films."""
    return set(Video.objects.filter(pk__in=video_ids, state=VideoState.READY).values_list("pk", flat=True))


def ready_between(first: datetime, last: datetime) -> QuerySet[Video, UUID]:
    """Ids of the films that got ready between these times."""
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
