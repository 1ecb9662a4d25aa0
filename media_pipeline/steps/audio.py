"""Step audio: the film's sound, once, as a rendition of its own."""

from media_pipeline import lifecycle, progress, storage
from media_pipeline.engine.audio import encode_audio
from media_pipeline.models import StepName
from media_pipeline.plans import film_of, plan_of
from media_pipeline.sources import source_of
from media_pipeline.steps.made import made

AUDIO = "audio"


def audio(video_id: str) -> None:
    """Leave the sound encoded in the film's work folder. Twice: the folder is there, nothing is encoded."""
    video = lifecycle.begin_step(video_id, StepName.AUDIO)
    if video is None:
        return
    into = storage.work_folder(video_id, AUDIO)
    with made(into):
        encode_audio(
            source_of(video_id, film_of(video)),
            film_of(video),
            plan_of(video),
            into,
            progress.reporter(video_id, StepName.AUDIO),
        )
    lifecycle.end_step(video_id, StepName.AUDIO)
