"""Accept an upload: film, steps and first job in one transaction; the file is renamed, never copied."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import transaction

from media_pipeline import lifecycle, queries, sniff, storage
from media_pipeline.errors import UnknownProject, UnusableUpload
from media_pipeline.models import Video

log = structlog.get_logger(__name__)

TITLE_CHARACTERS = 200


def accept(owner: Any, file: TemporaryUploadedFile, title: str, project_id: UUID | None) -> Video:
    """Keep the uploaded file as a film of `owner` and enqueue its processing.

    Raises UnusableUpload for what is surely no film, UnknownProject for a project that is not the owner's.
    Where the transaction around this is rolled back afterwards, the file is left and the sweep removes it.
    """
    _refuse_what_is_no_film(file)
    project = None if project_id is None else queries.project_of(owner.pk, project_id)
    if project_id is not None and project is None:
        raise UnknownProject
    video = Video(
        id=uuid4(),
        owner=owner,
        project=project,
        title=title or _title_of(file.name or ""),
        source=storage.SOURCE_NAME,
        source_bytes=file.size or 0,
    )
    # The file first: a row without its file would be a lie, a file without its row is only litter.
    storage.take_over(Path(file.temporary_file_path()), video.pk)
    file.close()
    try:
        with transaction.atomic():
            queries.add_video(video)
            lifecycle.start(video)
    except BaseException:
        storage.remove_film(video.pk)
        raise
    log.info("video_accepted", video_id=str(video.pk), bytes=video.source_bytes)
    return video


def _refuse_what_is_no_film(file: TemporaryUploadedFile) -> None:
    file.seek(0)
    reason = sniff.reason_against(file.read(sniff.HEAD_BYTES))
    file.seek(0)
    if reason is not None:
        raise UnusableUpload(f"This is not a video: it is {reason}.")


def _title_of(file_name: str) -> str:
    """Return the file's name without its ending, for a film that was given no title."""
    return "".join(c for c in Path(file_name).stem if c.isprintable())[:TITLE_CHARACTERS]
