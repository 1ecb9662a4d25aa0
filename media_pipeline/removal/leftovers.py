"""With a bucket each machine has a disk of its own, which no job of another machine can reach: it tidies by itself."""

from typing import Final

import structlog
from django.conf import settings

from media_pipeline import queries
from media_pipeline.files import storage, video_cache

log = structlog.get_logger(__name__)

EVERY_SECONDS: Final = 600
# An upload whose row is not committed yet must not be taken for litter: the longest upload that we expect.
YOUNGEST_LITTER_SECONDS: Final = 24 * 3600
# A video without a row was removed, or is just being taken over: its row follows its file within seconds.
ROW_FOLLOWS_SECONDS: Final = 3600


def tidy_this_machine() -> None:
    """Remove from this machine's disk what was removed elsewhere, and copies that were not used for long.

    Called wherever files come to this machine, and looks about every ten minutes. Without a bucket there is one disk,
    and the sweep's job does it. Twice: nothing is left to do.
    """
    if not video_cache.are_copies() or not video_cache.is_time_to_tidy(EVERY_SECONDS):
        return
    litter = storage.sweep(YOUNGEST_LITTER_SECONDS) + remove_orphaned_uploads()
    removed = tidy_films()
    log.info("machine_tidied", litter=litter, films=removed)


def remove_orphaned_uploads(older_than_seconds: float = YOUNGEST_LITTER_SECONDS) -> int:
    """Remove this machine's files of resumable uploads that have no row; return how many."""
    old = [upload_id for upload_id, age_seconds in storage.uploads() if age_seconds > older_than_seconds]
    orphans = set(old) - queries.known_uploads(old)
    for upload_id in orphans:
        storage.remove_upload(upload_id)
    return len(orphans)


def tidy_films() -> int:
    """Remove this machine's files of videos that are gone, the work of ready ones, and old copies.

    Return how many videos are gone.
    """
    settled = {
        video_id: age_seconds
        for video_id, age_seconds in storage.films_here()
        if age_seconds > ROW_FOLLOWS_SECONDS
    }
    known, ready = queries.known(list(settled)), queries.ready(list(settled))
    for video_id, age_seconds in settled.items():
        if video_id not in known:
            video_cache.drop_film(video_id)
            continue
        if video_id in ready:
            video_cache.drop_work(video_id)
        if age_seconds > settings.STORAGE_CACHE_HOURS * 3600:
            video_cache.drop_what_is_kept(video_id)
    return len(settled.keys() - known)
