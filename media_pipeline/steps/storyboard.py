"""Step storyboard: sprite sheets, and the WebVTT file that says which picture belongs to which time."""

from media_pipeline import lifecycle
from media_pipeline.engine.storyboard import make_storyboard
from media_pipeline.files import storage
from media_pipeline.files.assets import asset
from media_pipeline.files.sources import source_of
from media_pipeline.models import AssetKind, StepName
from media_pipeline.plans import film_of, plan_of
from media_pipeline.progress import progress
from media_pipeline.steps.made import made
from media_pipeline.steps.optional import left_out_on_failure

STORYBOARD = "storyboard"


def storyboard(video_id: str) -> None:
    """Record the storyboard; a video may do without one. Twice: the same files, the same row."""
    with left_out_on_failure(video_id, StepName.STORYBOARD):
        _make(video_id)


def _make(video_id: str) -> None:
    video = lifecycle.begin_step(video_id, StepName.STORYBOARD)
    if video is None:
        return
    into = storage.output_folder(video_id, STORYBOARD)
    with made(into):
        name = make_storyboard(
            source_of(video_id, film_of(video)),
            film_of(video),
            plan_of(video),
            into,
            progress.reporter(video_id, StepName.STORYBOARD),
        )
    lifecycle.end_step(video_id, StepName.STORYBOARD, [asset(video, AssetKind.STORYBOARD, name, into / name)])
