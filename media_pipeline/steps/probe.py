"""Step probe: find out what was uploaded, plan the work, cut the video for the encoders."""

from dataclasses import replace
from pathlib import Path

from django.conf import settings

from media_pipeline import lifecycle
from media_pipeline.engine.cut import cut_pieces
from media_pipeline.engine.demux import UnsteadyClock
from media_pipeline.engine.plan import Film, Limits, Plan, make_plan
from media_pipeline.engine.probe import probe as probe_file
from media_pipeline.engine.remux import REMUXED_NAME, remux
from media_pipeline.engine.unforeseen import judged_by_the_file
from media_pipeline.files import storage
from media_pipeline.files.sources import REMUXED, source_of
from media_pipeline.models import StepName, Video
from media_pipeline.plans import film_of, plan_of
from media_pipeline.steps.made import made

PIECES = "pieces"


def probe(video_id: str) -> None:
    """Record the video's plan and enqueue the rest of its pipeline.

    Raises Permanent where the upload is no video, broken, or over a limit. Twice: only the call that ends the
    step enqueues; the cutting finds its folder whole.
    """
    video = lifecycle.begin_step(video_id, StepName.PROBE)
    if video is None:
        return
    film, plan = _look_into(video)
    into = storage.work_folder(video_id, PIECES)
    with made(into):
        cut_pieces(source_of(video_id, film), film, plan, into)
    lifecycle.end_probe(video, film, plan)


def _look_into(video: Video) -> tuple[Film, Plan]:
    if video.film is not None and video.plan is not None:
        # A retry keeps its plan, and with it each encoded chunk, also where settings changed meanwhile.
        film = film_of(video)
        if film.is_remuxed:
            _remux(video)
        return film, plan_of(video)
    with judged_by_the_file():
        film = _film(video)
        return film, make_plan(film, settings.VIDEO_CHUNK_SECONDS, settings.VIDEO_LARGEST_RUNG)


def _film(video: Video) -> Film:
    try:
        return probe_file(storage.lend(storage.source(video.pk)), _limits())
    except UnsteadyClock as unsteady:
        film = probe_file(_remux(video), _limits())
        return replace(film, is_remuxed=True, warnings=(*unsteady.warnings, *film.warnings))


def _remux(video: Video) -> Path:
    into = storage.work_folder(video.pk, REMUXED)
    with made(into):
        remux(storage.lend(storage.source(video.pk)), into, settings.VIDEO_MAX_PIXELS)
    return into / REMUXED_NAME


def _limits() -> Limits:
    return Limits(
        max_bytes=settings.VIDEO_MAX_BYTES,
        max_seconds=settings.VIDEO_MAX_SECONDS,
        max_pixels=settings.VIDEO_MAX_PIXELS,
        max_packets=settings.VIDEO_MAX_PACKETS,
        max_frames=settings.VIDEO_MAX_FRAMES,
        free_pixels=settings.VIDEO_FREE_PIXELS,
        pixels_per_byte=settings.VIDEO_PIXELS_PER_BYTE,
        max_audio_tracks=settings.VIDEO_MAX_AUDIO_TRACKS,
    )
