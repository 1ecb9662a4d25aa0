"""Step subtitles: the video's own text, or what is said in it."""

from django.conf import settings

from media_pipeline import lifecycle
from media_pipeline.engine.subtitles import left_out, transcribe
from media_pipeline.files import storage
from media_pipeline.files.assets import asset
from media_pipeline.files.sources import source_of
from media_pipeline.models import AssetKind, StepName
from media_pipeline.plans import film_of, plan_of
from media_pipeline.progress import progress
from media_pipeline.steps.made import made
from media_pipeline.steps.optional import left_out_on_failure

SUBTITLES = "subtitles"


def subtitles(video_id: str) -> None:
    """Record one WebVTT file for each language and kind; none where nobody speaks. Twice: the same files and rows.

    A video may do without text. Tracks that cannot be read are named in its warnings.
    """
    with left_out_on_failure(video_id, StepName.SUBTITLES):
        _make(video_id)


def _make(video_id: str) -> None:
    video = lifecycle.begin_step(video_id, StepName.SUBTITLES)
    if video is None:
        return
    into = storage.output_folder(video_id, SUBTITLES)
    with made(into):
        tracks = transcribe(
            source_of(video_id, film_of(video)),
            film_of(video),
            plan_of(video),
            into,
            progress.reporter(video_id, StepName.SUBTITLES),
            model=settings.WHISPER_MODEL,
        )
    assets = [asset(video, AssetKind.SUBTITLES, track.path.stem, track.path) for track in tracks]
    lifecycle.end_step(video_id, StepName.SUBTITLES, assets, left_out(into))
