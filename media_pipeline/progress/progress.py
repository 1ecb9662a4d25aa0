"""How far a video is: what its steps report, weighed, never falling, and told to whoever watches."""

import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, IntegerField, Sum
from django.db.models.functions import Cast, Greatest

from celery_ledger import checkpoint
from media_pipeline.models import FINAL_STATES, Chunk, Step, StepName, Video
from media_pipeline.progress import announcements

# What share of the whole work a step is, in halves of a percent; measured on a 60 s video of 1080p.
WEIGHTS: Final[dict[StepName, int]] = {
    StepName.PROBE: 2,
    StepName.ENCODE: 176,
    StepName.AUDIO: 6,
    StepName.PACKAGE: 2,
    StepName.THUMBNAILS: 1,
    StepName.STORYBOARD: 1,
    StepName.SUBTITLES: 10,
    StepName.FINISH: 2,
}
# Only being ready is 100: whoever sees 100 may fetch the outputs.
HIGHEST_UNFINISHED: Final = 99
SECONDS_BETWEEN_WRITES: Final = 1.0


def reporter(
    video_id: UUID | str, name: StepName, *, first: float = 0.0, last: float = 1.0
) -> Callable[[float], None]:
    """Return what a step calls with its share done, 0 to 1; each call also asks whether the job should stop.

    It writes about once a second. `first`, `last`: the part of the step that this job is.
    """
    return _paced(lambda share: record(video_id, name, first + share * (last - first)))


def chunk_reporter(video_id: UUID | str, number: int) -> Callable[[float], None]:
    """Return what the encoder of chunk `number` calls with its share done, 0 to 1."""
    return _paced(lambda share: record_chunk(video_id, number, share))


def record(video_id: UUID | str, name: StepName, share: float) -> None:
    """Raise the step's progress to `share` of it, and the video's with it; neither ever falls.

    Twice: the second call changes nothing.
    """
    percent = max(0, min(HIGHEST_UNFINISHED, int(share * 100)))
    # One statement each, no transaction around them: no two rows are ever locked, so no order can deadlock.
    if Step.objects.filter(video_id=video_id, name=name, progress__lt=percent).update(progress=percent):
        refresh(video_id)


def record_chunk(video_id: UUID | str, number: int, share: float) -> None:
    """Raise the chunk's progress to `share`; the last frame counts only when the chunk is whole and kept."""
    chunk = Chunk.objects.filter(video_id=video_id, number=number)
    done = Greatest(F("frames_done"), _almost(share))
    if chunk.filter(frames_done__lt=F("frames")).update(frames_done=done):
        record(video_id, StepName.ENCODE, encoded_share(video_id))


def encoded_share(video_id: UUID | str) -> float:
    """Return the share of all chunks' frames that are encoded, 0 to 1."""
    sums = Chunk.objects.filter(video_id=video_id).aggregate(done=Sum("frames_done"), frames=Sum("frames"))
    return (sums["done"] or 0) / sums["frames"] if sums["frames"] else 0.0


def refresh(video_id: UUID | str) -> None:
    """Raise the video's progress to what its steps say, and tell who watches once that is committed."""
    steps = Step.objects.filter(video_id=video_id).values_list("name", "progress")
    percent = min(HIGHEST_UNFINISHED, weighed({StepName(name): progress for name, progress in steps}))
    Video.objects.filter(pk=video_id).exclude(state__in=FINAL_STATES).update(
        progress=Greatest(F("progress"), percent), version=F("version") + 1
    )
    announce(video_id)


def weighed(progress: dict[StepName, int]) -> int:
    """Return the percent of the whole that the steps' percents amount to."""
    return sum(WEIGHTS[name] * percent for name, percent in progress.items()) // sum(WEIGHTS.values())


def announce(video_id: UUID | str) -> None:
    """Tell who watches the video, once the present transaction is committed."""
    transaction.on_commit(lambda: announcements.announce(video_id))


def _almost(share: float) -> Cast:
    return Cast((F("frames") - 1) * max(0.0, min(1.0, share)), IntegerField())


def _paced(write: Callable[[float], None]) -> Callable[[float], None]:
    written_at = -SECONDS_BETWEEN_WRITES

    def report(share: float) -> None:
        nonlocal written_at
        checkpoint()
        now = time.monotonic()
        if now - written_at >= SECONDS_BETWEEN_WRITES:
            write(share)
            written_at = now

    return report
