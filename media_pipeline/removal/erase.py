"""Remove videos: one for its owner, all of a user whose account is deleted."""

from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from api.errors import StorageAway
from celery_ledger import checkpoint, control, enqueue
from media_pipeline import queries
from media_pipeline.files import storage
from media_pipeline.models import Asset, Video, VideoState
from media_pipeline.progress.progress import announce
from media_pipeline.uploads import resumable

log = structlog.get_logger(__name__)

# An encoder that was told to stop is gone within a second or two.
_SECONDS_BETWEEN_LOOKS = 3
_VIDEOS_AT_ONCE = 20


def delete_video(video_id: UUID) -> None:
    """Stop the video's work, and remove its rows and every file. Twice: nothing is there.

    Files go after the commit; a job goes over the folder until no step runs that could write into it.
    """
    with transaction.atomic():
        video = queries.locked(video_id)
        if video is None:
            return
        _stop(video)
        root_job = str(video.root_job) if video.root_job else None
        video.delete()
        enqueue("media_pipeline.remove_files", str(video_id), root_job)
        announce(video_id)
    try:
        storage.remove_film(video_id)
    except StorageAway:
        log.warning("removal_left_to_job", video_id=str(video_id))
    log.info("video_deleted", video_id=str(video_id))


def remove_files(video_id: str, root_job: str | None) -> None:
    """Remove the files of a video without a row; look again while a step of it runs. Twice: no file left."""
    storage.remove_film(video_id)
    if root_job is not None and queries.unfinished_jobs(root_job).exists():
        enqueue("media_pipeline.remove_files", video_id, root_job, delay_seconds=_SECONDS_BETWEEN_LOOKS)


def erase_files(user_id: str) -> int:
    """Remove some of the user's uploads, with what was cut from them; return how many, 0 when none is left.

    Those that no video was made of count as well. Twice: what is gone is not counted again.
    """
    batch = list(queries.with_upload(UUID(user_id))[:_VIDEOS_AT_ONCE])
    for video in batch:
        checkpoint()
        _stop(video)
        storage.remove_source(video.pk)
        Video.objects.filter(pk=video.pk).update(source="", source_bytes=0)
    return len(batch) + resumable.erase_some(UUID(user_id))


def erase_assets(user_id: str) -> int:
    """Remove some of what was made from the user's videos; return how many files, 0 when none is left.

    The films' rows go with their owner's. Twice: what is gone is not counted again.
    """
    batch = list(queries.with_assets(UUID(user_id))[:_VIDEOS_AT_ONCE])
    # Nothing recorded is left: now the videos that never came to an output, with what they have half done.
    for video in batch or queries.videos_of(UUID(user_id)):
        checkpoint()
        _stop(video)
        storage.remove_work(video.pk)
        storage.remove_outputs(video.pk)
        _look_again_while_running(video)
    return Asset.objects.filter(video__in=batch).delete()[0]


def _look_again_while_running(video: Video) -> None:
    if video.root_job is not None and queries.unfinished_jobs(video.root_job).exists():
        film, root = str(video.pk), str(video.root_job)
        enqueue("media_pipeline.remove_files", film, root, delay_seconds=_SECONDS_BETWEEN_LOOKS)


@transaction.atomic
def _stop(video: Video) -> None:
    """Let nothing of the video run on; what runs already notices within a second."""
    queries.locked(video.pk)
    queries.move(video.pk, VideoState.CANCELLED, finished_at=timezone.now())
    if video.root_job is not None:
        control.cancel_tree(str(video.root_job))
