"""The video app's jobs. Each calls its step.

Time limits only end what hangs: the engine has its own, reckoned from the video, and a dead worker
is found by its heartbeat.
Each is several times what the largest video allowed (4 hours) takes on two slow cores.
"""

from django.utils import timezone

from celery_ledger import job
from media_pipeline import lifecycle
from media_pipeline.removal import erase, sweep
from media_pipeline.steps import audio as audio_step
from media_pipeline.steps import encode as encode_step
from media_pipeline.steps import finish as finish_step
from media_pipeline.steps import package as package_step
from media_pipeline.steps import probe as probe_step
from media_pipeline.steps import storyboard as storyboard_step
from media_pipeline.steps import subtitles as subtitles_step
from media_pipeline.steps import thumbnails as thumbnails_step
from media_pipeline.text_tracks import text_tracks

_MINUTE = 60
_HOUR = 60 * _MINUTE


# Reads the file once and writes it once: 4 GiB in half an hour is 2.4 MB/s.
@job("media_pipeline.probe", queue="media", soft_seconds=30 * _MINUTE, hard_seconds=31 * _MINUTE)
def probe(video_id: str) -> None:
    """Find out what was uploaded and enqueue what it needs."""
    probe_step.probe(video_id)


# A chunk of 12 s takes about 20 s in 1080p. A video that cannot be cut is one chunk, hours long.
@job("media_pipeline.encode", queue="media", soft_seconds=12 * _HOUR, hard_seconds=12 * _HOUR + _MINUTE)
def encode(video_id: str, number: int) -> None:
    """Encode one chunk in every size."""
    encode_step.encode(video_id, number)


# 30 times as fast as a track plays, and there may be many.
@job("media_pipeline.audio", queue="media", soft_seconds=4 * _HOUR, hard_seconds=4 * _HOUR + _MINUTE)
def audio(video_id: str) -> None:
    """Encode every audio track."""
    audio_step.audio(video_id)


# Decodes a few key frames.
@job("media_pipeline.grab_thumbnails", queue="media", soft_seconds=15 * _MINUTE, hard_seconds=16 * _MINUTE)
def grab_thumbnails(video_id: str) -> None:
    """Take whole frames out of the video."""
    thumbnails_step.grab(video_id)


# Resizes a few pictures.
@job("media_pipeline.process_thumbnails", queue="media", soft_seconds=5 * _MINUTE, hard_seconds=6 * _MINUTE)
def process_thumbnails(video_id: str) -> None:
    """Make poster and thumbnails of the frames."""
    thumbnails_step.process(video_id)


# All key frames; where there are few, every frame has to be decoded.
@job("media_pipeline.storyboard", queue="media", soft_seconds=2 * _HOUR, hard_seconds=2 * _HOUR + _MINUTE)
def storyboard(video_id: str) -> None:
    """Make the sprite sheets."""
    storyboard_step.storyboard(video_id)


# The packaged model is 10 times as fast as speech; a bigger one may be as slow as speech itself.
@job("media_pipeline.subtitles", queue="speech", soft_seconds=6 * _HOUR, hard_seconds=6 * _HOUR + _MINUTE)
def subtitles(video_id: str) -> None:
    """Write down what is said."""
    subtitles_step.subtitles(video_id)


# Copies all output twice.
@job("media_pipeline.package", queue="media", soft_seconds=_HOUR, hard_seconds=_HOUR + _MINUTE)
def package(video_id: str) -> None:
    """Make HLS, DASH and MP4 of the parts."""
    package_step.package(video_id)


# Decodes three windows of two seconds.
@job("media_pipeline.finish", queue="media", soft_seconds=15 * _MINUTE, hard_seconds=16 * _MINUTE)
def finish(video_id: str) -> None:
    """Measure the result and make the video ready."""
    finish_step.finish(video_id)


# Text is small, however long the video.
@job("media_pipeline.change_texts", queue="media", soft_seconds=15 * _MINUTE, hard_seconds=16 * _MINUTE)
def change_texts(video_id: str) -> None:
    """Package the text tracks that the owner put, and leave out those removed."""
    text_tracks.carry_out(video_id)


@job(
    "media_pipeline.remove_unused_texts",
    queue="maintenance",
    soft_seconds=5 * _MINUTE,
    hard_seconds=6 * _MINUTE,
)
def remove_unused_texts(video_id: str, folders: list[str], is_in_turn: bool = False) -> None:
    """Remove the text tracks that were replaced or removed a day ago."""
    text_tracks.remove_unused(video_id, folders, is_in_turn=is_in_turn)


@job("media_pipeline.fail_video", queue="media", soft_seconds=20, hard_seconds=30, atomic=True)
def fail_video(video_id: str) -> None:
    """Tell the owner why the video failed, and stop the rest of its work."""
    lifecycle.fail(video_id, timezone.now())


@job("media_pipeline.remove_files", queue="maintenance", soft_seconds=5 * _MINUTE, hard_seconds=6 * _MINUTE)
def remove_files(video_id: str, root_job: str | None) -> None:
    """Remove what a deleted video left, until no step of it runs any more."""
    erase.remove_files(video_id, root_job)


@job("media_pipeline.sweep", queue="maintenance", soft_seconds=15 * _MINUTE, hard_seconds=16 * _MINUTE)
def sweep_leftovers() -> None:
    """Remove files that belong to nothing, and end videos that nothing works on."""
    sweep.sweep(timezone.now())
