"""Step audio: each audio track of the video, once, as a rendition of its own."""

from media_pipeline import lifecycle
from media_pipeline.engine.audio import AUDIO_NAME, encode_audio, left_out
from media_pipeline.engine.preview import fragment_audio
from media_pipeline.files import preview_files, storage
from media_pipeline.files.sources import source_of
from media_pipeline.models import StepName
from media_pipeline.plans import film_of, plan_of
from media_pipeline.progress import progress
from media_pipeline.steps.made import made

AUDIO = "audio"


def audio(video_id: str) -> None:
    """Leave the audio tracks encoded in the video's work folder; those that cannot be are no longer planned.

    The default track is there in fragments as well, for users who watch early.
    Twice: the folders are there, nothing is encoded.
    """
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
    fragmented = storage.work_folder(video_id, preview_files.AUDIO_FOLDER)
    with made(fragmented):
        fragment_audio(into / AUDIO_NAME, plan_of(video), fragmented)
    lifecycle.end_audio(video_id, left_out(plan_of(video), into))
