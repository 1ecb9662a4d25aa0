"""Put right what a killed process or a lost disk left: litter in the folders, films that nothing works on."""

from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings

from media_pipeline import lifecycle, queries, resumable, storage

log = structlog.get_logger(__name__)

# An upload whose row is not committed yet must not be taken for litter: the longest upload that we expect.
YOUNGEST_LITTER_SECONDS: Final = 24 * 3600
# A film is stranded when its jobs are long over; a little patience avoids a race with the last of them.
STRANDED_AFTER: Final = timedelta(minutes=10)


def sweep(now: datetime) -> None:
    """Remove unfinished uploads, abandoned folders and orphaned files; fail films that nothing works on.

    Twice: nothing is left to do.
    """
    expired = resumable.forget_expired(now)
    litter = storage.sweep(max(YOUNGEST_LITTER_SECONDS, settings.JOB_LEASE_SECONDS))
    orphans = remove_orphans()
    stranded = end_stranded(now)
    log.info("leftovers_swept", expired=expired, litter=litter, orphans=orphans, stranded=stranded)


def remove_orphans(older_than_seconds: float = YOUNGEST_LITTER_SECONDS) -> int:
    """Remove files of films and uploads that have no row, and the work of films that are ready; return how many."""
    old_uploads = [
        upload_id for upload_id, age_seconds in storage.uploads() if age_seconds > older_than_seconds
    ]
    rowless = set(old_uploads) - queries.known_uploads(old_uploads)
    for upload_id in rowless:
        storage.remove_upload(upload_id)
    old = [video_id for video_id, age_seconds in storage.films() if age_seconds > older_than_seconds]
    known, ready = queries.known(old), queries.ready(old)
    for video_id in old:
        if video_id not in known:
            storage.remove_film(video_id)
        elif video_id in ready:
            storage.remove_work(video_id)
    return len(rowless) + sum(video_id not in known for video_id in old)


def end_stranded(now: datetime) -> int:
    """Fail the films under way for which no job is left, so that their owners can retry; return how many."""
    stranded = list(queries.stranded(now - STRANDED_AFTER).values_list("pk", flat=True))
    return sum(lifecycle.fail(str(video_id), now) for video_id in stranded)
