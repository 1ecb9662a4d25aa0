"""Put right what a killed process or a lost disk left: litter in the folders, videos that nothing works on."""

from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings

from media_pipeline import lifecycle, queries
from media_pipeline.files import storage
from media_pipeline.removal.leftovers import YOUNGEST_LITTER_SECONDS, remove_orphaned_uploads
from media_pipeline.uploads import resumable

log = structlog.get_logger(__name__)

# A video is stranded when its jobs are long over; a little patience avoids a race with the last of them.
STRANDED_AFTER: Final = timedelta(minutes=10)
# For so long after it got ready a video is looked at again for work that its last step did not remove. Each look is a
# question to the bucket, so not for ever.
LOOKED_AT_FOR: Final = timedelta(days=3)


def sweep(now: datetime) -> None:
    """Remove unfinished uploads, abandoned folders and orphaned files; fail videos that nothing works on.

    Twice: nothing is left to do.
    """
    expired = resumable.forget_expired(now)
    litter = storage.sweep(_youngest_litter_seconds())
    broken_off = storage.end_broken_uploads(now - timedelta(seconds=YOUNGEST_LITTER_SECONDS))
    orphans = remove_orphans()
    remove_left_work(now)
    stranded = end_stranded(now)
    log.info(
        "leftovers_swept", expired=expired, litter=litter + broken_off, orphans=orphans, stranded=stranded
    )


def remove_orphans(older_than_seconds: float = YOUNGEST_LITTER_SECONDS) -> int:
    """Remove files of videos and uploads that have no row, wherever they are; return how many videos and uploads."""
    there = list(storage.films())
    known = queries.known(there)
    # Its age is asked after its row: a video that is just being taken over has no row yet, and is young.
    orphans = [
        video_id
        for video_id in there
        if video_id not in known and storage.film_age_seconds(video_id) > older_than_seconds
    ]
    for video_id in orphans:
        storage.remove_film(video_id)
    return len(orphans) + remove_orphaned_uploads(older_than_seconds)


def remove_left_work(now: datetime) -> None:
    """Remove the work of videos that have been ready for a day. Twice: nothing is left."""
    day_ago = now - timedelta(seconds=YOUNGEST_LITTER_SECONDS)
    for video_id in queries.ready_between(now - LOOKED_AT_FOR, day_ago):
        storage.remove_work(video_id)


def end_stranded(now: datetime) -> int:
    """Fail the videos under way for which no job is left, so that their owners can retry; return how many."""
    stranded = list(queries.stranded(now - STRANDED_AFTER).values_list("pk", flat=True))
    return sum(lifecycle.fail(str(video_id), now) for video_id in stranded)


def _youngest_litter_seconds() -> float:
    lease: float = settings.JOB_LEASE_SECONDS
    return max(YOUNGEST_LITTER_SECONDS, lease)
