"""Step thumbnails, in two jobs: grab whole frames, then make poster and thumbnails of them."""

from media_pipeline import lifecycle
from media_pipeline.engine.thumbnails import grab_thumbnails, process_thumbnails
from media_pipeline.files import storage
from media_pipeline.files.assets import asset
from media_pipeline.files.sources import source_of
from media_pipeline.models import AssetKind, StepName
from media_pipeline.plans import film_of, plan_of
from media_pipeline.progress import progress
from media_pipeline.steps.made import made
from media_pipeline.steps.optional import left_out_on_failure

GRABBED = "grabbed"
IMAGES = "images"
POSTER = "poster.jpg"


def grab(video_id: str) -> None:
    """Leave whole frames in the video's work folder. Twice: the folder is there, nothing is decoded.

    A video may do without poster and thumbnails.
    """
    with left_out_on_failure(video_id, StepName.THUMBNAILS):
        _grab(video_id)


def process(video_id: str) -> None:
    """Record poster and thumbnails. Twice: the same files, the same rows."""
    with left_out_on_failure(video_id, StepName.THUMBNAILS):
        _process(video_id)


def _grab(video_id: str) -> None:
    video = lifecycle.begin_step(video_id, StepName.THUMBNAILS)
    if video is None:
        return
    into = storage.work_folder(video_id, GRABBED)
    with made(into):
        grab_thumbnails(
            source_of(video_id, film_of(video)),
            film_of(video),
            plan_of(video),
            into,
            progress.reporter(video_id, StepName.THUMBNAILS, last=0.5),
        )
    progress.record(video_id, StepName.THUMBNAILS, 0.5)


def _process(video_id: str) -> None:
    video = lifecycle.begin_step(video_id, StepName.THUMBNAILS)
    if video is None:
        return
    into = storage.output_folder(video_id, IMAGES)
    with made(into):
        names = process_thumbnails(storage.lend(storage.work_folder(video_id, GRABBED)), into)
    assets = [asset(video, AssetKind.POSTER, POSTER, into / POSTER)]
    assets += [asset(video, AssetKind.THUMBNAIL, name, into / name) for name in names]
    lifecycle.end_step(video_id, StepName.THUMBNAILS, assets)
