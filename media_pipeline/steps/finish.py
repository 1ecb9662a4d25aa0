"""Step finish: measure the result, make the video ready, clear the work away."""

import structlog
from django.utils import timezone

from media_pipeline import lifecycle
from media_pipeline.engine.quality import measure_vmaf
from media_pipeline.files import storage
from media_pipeline.files.assets import best_mp4
from media_pipeline.files.sources import source_of
from media_pipeline.models import StepName, Video, VideoState
from media_pipeline.plans import film_of, plan_of
from media_pipeline.progress import progress

log = structlog.get_logger(__name__)


def finish(video_id: str) -> None:
    """Make the video ready, tell its owner, remove the intermediate files.

    Twice: the video becomes ready and its owner is told once; removing again finds nothing.
    """
    video = lifecycle.begin_step(video_id, StepName.FINISH)
    if video is not None:
        lifecycle.become_ready(video_id, _quality(video), timezone.now())
    if Video.objects.filter(pk=video_id, state=VideoState.READY).exists():
        storage.remove_work(video_id)


def _quality(video: Video) -> float | None:
    """Return the measured quality, None where it cannot be measured, or an earlier run died over it."""
    mp4 = best_mp4(video)
    if mp4 is None or lifecycle.is_warned_of(video, StepName.FINISH):
        return None
    return measure_vmaf(
        source_of(video.pk, film_of(video)),
        film_of(video),
        plan_of(video),
        mp4,
        progress.reporter(video.pk, StepName.FINISH),
    )
