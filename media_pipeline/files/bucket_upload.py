"""Give the bucket what this machine had before there was one."""

import structlog

from media_pipeline import queries
from media_pipeline.files import storage, video_cache

log = structlog.get_logger(__name__)


def deposit_films() -> int:
    """Let every machine find this machine's videos; return of how many something was sent. Twice: 0.

    Videos without a row are left to the sweep. May run while the site does: what steps make meanwhile is kept by them.
    """
    here = [video_id for video_id, _ in storage.films_here()]
    known = queries.known(here)
    sent = [video_id for video_id in here if video_id in known and video_cache.keep_all(video_id)]
    log.info("films_deposited", films=len(sent))
    return len(sent)
