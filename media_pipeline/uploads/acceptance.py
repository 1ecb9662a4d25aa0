"""Accept an upload: video, steps and first job in one transaction; the file is renamed, never copied."""

from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import transaction

from accounts.models import Project
from media_pipeline import lifecycle, queries, quotas
from media_pipeline.errors import UnknownProject, UnknownUpload, UnusableUpload, WrongUpload
from media_pipeline.file_names import title_of
from media_pipeline.files import storage
from media_pipeline.models import TITLE_CHARACTERS, Upload, Video
from media_pipeline.removal import leftovers
from media_pipeline.uploads import sniff

log = structlog.get_logger(__name__)

USED = "A video was made of this upload already."


def accept(owner: Any, file: TemporaryUploadedFile, title: str, project_id: UUID | None) -> Video:
    """Keep the uploaded file as a video of `owner` and enqueue its processing.

    Raises UnusableUpload for what is surely no video, UnknownProject for a project that is not the owner's, QuotaUsedUp
    or TooManyVideos where the owner has as much as one may have, StorageAway
    where a bucket is to have the file and does not answer; then nothing is kept.
    Where the transaction around this is rolled back afterwards, the file is left and the sweep removes it.
    """
    leftovers.tidy_this_machine()
    file.seek(0)
    _refuse_what_is_no_film(file.read(sniff.HEAD_BYTES), "file")
    file.seek(0)
    video = Video(
        id=uuid4(),
        owner=owner,
        project=_project(owner, project_id),
        title=title or title_of(file.name or "", TITLE_CHARACTERS),
        source=storage.SOURCE_NAME,
        source_bytes=file.size or 0,
    )
    quotas.refuse_over_quota(owner.pk, video.source_bytes)
    # The file first: a row without its file would be a lie, a file without its row is only litter.
    storage.take_over(Path(file.temporary_file_path()), video.pk)
    file.close()
    try:
        with transaction.atomic():
            quotas.refuse_over_quota(owner.pk, video.source_bytes)
            queries.add_video(video)
            lifecycle.start(video)
    except BaseException:
        storage.remove_film(video.pk)
        raise
    log.info("video_accepted", video_id=str(video.pk), bytes=video.source_bytes)
    return video


def accept_resumed(owner: Any, upload_id: UUID, title: str, project_id: UUID | None, now: datetime) -> Video:
    """Make a video of the owner's whole resumable upload and enqueue its processing. The video bears the upload's id.

    Raises as `accept` does, and UnknownUpload; WrongUpload for one that is not whole, or was used: of several at once
    one makes the video. After StorageAway the upload is as it was. Where the transaction is rolled back, or its process
    killed, the file lies where the video's source will be, and the next call finds it there.
    """
    upload = queries.upload_of(owner.pk, upload_id)
    if upload is None:
        raise UnknownUpload
    _refuse_what_is_not_whole(upload, now)
    _refuse_what_is_no_film(storage.upload_head(upload.pk, sniff.HEAD_BYTES), "upload")
    video = Video(
        id=upload.pk,
        owner=owner,
        project=_project(owner, project_id),
        title=title or title_of(upload.file_name, TITLE_CHARACTERS),
        source=storage.SOURCE_NAME,
        source_bytes=upload.length_bytes,
    )
    quotas.refuse_over_quota(owner.pk, video.source_bytes)
    storage.take_over_upload(upload.pk)
    with transaction.atomic():
        quotas.refuse_over_quota(owner.pk, video.source_bytes)
        if not queries.use(upload.pk, now):
            raise WrongUpload(USED)
        queries.add_video(video)
        lifecycle.start(video)
    log.info("video_accepted", video_id=str(video.pk), bytes=video.source_bytes)
    return video


def _refuse_what_is_not_whole(upload: Upload, now: datetime) -> None:
    if upload.used_at is not None:
        raise WrongUpload(USED)
    if upload.expires_at <= now:
        raise UnknownUpload
    if not upload.is_whole:
        raise WrongUpload(f"{upload.offset_bytes} of the upload's {upload.length_bytes} bytes are there.")


def _refuse_what_is_no_film(head: bytes, field: str) -> None:
    reason = sniff.reason_against(head)
    if reason is not None:
        raise UnusableUpload(f"This is not a video: it is {reason}.", field=field)


def _project(owner: Any, project_id: UUID | None) -> Project | None:
    if project_id is None:
        return None
    project = queries.project_of(owner.pk, project_id)
    if project is None:
        raise UnknownProject
    return project
