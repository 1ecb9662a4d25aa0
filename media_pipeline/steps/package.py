"""Step package: chunks, sound and subtitles become HLS, DASH and MP4."""

from media_pipeline import lifecycle, progress, storage
from media_pipeline.assets import asset, subtitle_tracks
from media_pipeline.engine.chapters import write_chapters
from media_pipeline.engine.package import package as package_film
from media_pipeline.models import Asset, AssetKind, StepName, Video
from media_pipeline.plans import film_of, plan_of
from media_pipeline.steps.audio import AUDIO
from media_pipeline.steps.made import made

FILM = "film"
CHAPTERS = "chapters"


def package(video_id: str) -> None:
    """Record what players load. Twice: the same files, the same rows."""
    video = lifecycle.begin_step(video_id, StepName.PACKAGE)
    if video is None:
        return
    plan = plan_of(video)
    into = storage.output_folder(video_id, FILM)
    with made(into):
        packaged = package_film(
            plan,
            [storage.lend(storage.chunk_folder(video_id, chunk.number)) for chunk in plan.chunks],
            storage.lend(storage.work_folder(video_id, AUDIO)) if plan.has_audio else None,
            subtitle_tracks(video),
            into,
            progress.reporter(video_id, StepName.PACKAGE),
        )
    assets = [
        asset(video, AssetKind.HLS, packaged.hls, into / packaged.hls),
        asset(video, AssetKind.DASH, packaged.dash, into / packaged.dash),
    ]
    assets += [asset(video, AssetKind.MP4, str(height), into / name) for height, name in packaged.mp4.items()]
    assets += _chapters(video)
    lifecycle.end_step(video_id, StepName.PACKAGE, assets)


def _chapters(video: Video) -> list[Asset]:
    into = storage.output_folder(video.pk, CHAPTERS)
    storage.lend(into)
    written = write_chapters(film_of(video), plan_of(video), into)
    if written is None:
        return []
    storage.keep(into)
    return [asset(video, AssetKind.CHAPTERS, written.name, written)]
