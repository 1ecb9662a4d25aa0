"""Step package: chunks, sound and subtitles become HLS, DASH and MP4."""

from pathlib import Path

import structlog

from celery_ledger import Permanent
from media_pipeline import lifecycle
from media_pipeline.engine.chapters import write_chapters
from media_pipeline.engine.damage import found_damaged
from media_pipeline.engine.languages import track_title
from media_pipeline.engine.package import Packaged
from media_pipeline.engine.package import package as package_film
from media_pipeline.engine.subtitles import Track
from media_pipeline.files import storage
from media_pipeline.files.assets import asset, subtitle_tracks
from media_pipeline.models import Asset, AssetKind, StepName, Video
from media_pipeline.plans import film_of, plan_of
from media_pipeline.progress import progress
from media_pipeline.steps.audio import AUDIO
from media_pipeline.steps.made import made

log = structlog.get_logger(__name__)

FILM = "film"
CHAPTERS = "chapters"


def package(video_id: str) -> None:
    """Record what players load. Twice: the same files, the same rows.

    Text that cannot be packaged is left out of the streams, with a warning; its files are there all the same.
    """
    video = lifecycle.begin_step(video_id, StepName.PACKAGE)
    if video is None:
        return
    into = storage.output_folder(video_id, FILM)
    tracks = subtitle_tracks(video)
    plan = plan_of(video)
    chunks = [storage.lend(storage.chunk_folder(video.pk, chunk.number)) for chunk in plan.chunks]
    with made(into):
        try:
            packaged = _packaged(video, chunks, tracks, into)
        except Permanent as error:
            if not tracks:
                raise
            log.warning("streams_without_text", video_id=video_id, reason=str(error))
            packaged = _packaged(video, chunks, [], into)
    assets = [
        asset(video, AssetKind.HLS, packaged.hls, into / packaged.hls),
        asset(video, AssetKind.DASH, packaged.dash, into / packaged.dash),
    ]
    assets += [asset(video, AssetKind.MP4, str(height), into / name) for height, name in packaged.mp4.items()]
    assets += _chapters(video)
    missing = [track for track in tracks if not (into / track.path.name).exists()]
    warnings = [*found_damaged(plan, chunks), *map(_not_in_the_streams, missing)]
    lifecycle.end_step(video_id, StepName.PACKAGE, assets, warnings)


def _packaged(video: Video, chunks: list[Path], tracks: list[Track], into: Path) -> Packaged:
    plan = plan_of(video)
    return package_film(
        plan,
        chunks,
        storage.lend(storage.work_folder(video.pk, AUDIO)) if plan.has_audio else None,
        tracks,
        into,
        progress.reporter(video.pk, StepName.PACKAGE),
    )


def _not_in_the_streams(track: Track) -> str:
    title = track_title(track.language, track.kind)
    return f"The text track “{title}” could not be packaged: it is a file of its own, and not in the streams."


def _chapters(video: Video) -> list[Asset]:
    into = storage.output_folder(video.pk, CHAPTERS)
    storage.lend(into)
    written = write_chapters(film_of(video), plan_of(video), into)
    if written is None:
        return []
    storage.keep(into)
    return [asset(video, AssetKind.CHAPTERS, written.name, written)]
