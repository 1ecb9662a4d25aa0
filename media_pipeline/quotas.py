"""What one user may have of videos: under way, in all, and in bytes."""

from uuid import UUID

from django.conf import settings
from django.db import transaction

from media_pipeline import queries
from media_pipeline.errors import QuotaUsedUp, TooManyVideos

# A video takes minutes: who asks again at once is refused again.
RETRY_AFTER_SECONDS = 60


def refuse_over_quota(owner_id: UUID, added_bytes: int) -> None:
    """Raise QuotaUsedUp or TooManyVideos where the user may not add a video of so many bytes.

    Inside a transaction it holds until the transaction ends: of two uploads at once that fit only one at a time,
    one is refused.
    """
    if transaction.get_connection().in_atomic_block:
        queries.lock_uploader(owner_id)
    refuse_more_under_way(owner_id)
    videos, stored_bytes = queries.stored(owner_id)
    if settings.VIDEOS_PER_USER is not None and videos >= settings.VIDEOS_PER_USER:
        raise QuotaUsedUp(
            f"You have {videos} videos; the maximum is {settings.VIDEOS_PER_USER}. Delete one first."
        )
    limit = settings.VIDEO_BYTES_PER_USER
    if limit is not None and stored_bytes + added_bytes > limit:
        raise QuotaUsedUp(
            f"Your videos have {stored_bytes} bytes; with this one they would exceed your {limit}. Delete one first."
        )


def refuse_more_under_way(owner_id: UUID) -> None:
    """Raise TooManyVideos where as many of the user's videos are queued or processing as may be."""
    limit = settings.VIDEOS_UNFINISHED_PER_USER
    if limit is not None and queries.under_way(owner_id).count() >= limit:
        raise TooManyVideos(
            f"{limit} of your videos are being processed, which is the most at a time. Please try again later.",
            retry_after=RETRY_AFTER_SECONDS,
        )
