"""Step package: chunks, sound and subtitles become HLS, DASH and MP4."""

from media_pipeline import lifecycle, progress, storage
from media_pipeline.assets import asset, subtitle_tracks
from media_pipeline.engine.package import package as package_film
from media_pipeline.models import AssetKind, StepName
from media_pipeline.plans import plan_of
from media_pipeline.steps.audio import AUDIO

FILM = "film"


def package(video_id: str) -> None:
    """Record what players load. Twice: the same files, the same rows."""
    video = lifecycle.begin_step(video_id, StepName.PACKAGE)
    if video is None:
        return
    plan = plan_of(video)
    into = storage.output_folder(video_id, FILM)
    made = package_film(
        plan,
        [storage.chunk_folder(video_id, chunk.number) for chunk in plan.chunks],
        storage.work_folder(video_id, AUDIO) if plan.has_audio else None,
        subtitle_tracks(video),
        into,
        progress.reporter(video_id, StepName.PACKAGE),
    )
    assets = [
        asset(video, AssetKind.HLS, made.hls, into / made.hls),
        asset(video, AssetKind.DASH, made.dash, into / made.dash),
    ]
    assets += [asset(video, AssetKind.MP4, str(height), into / name) for height, name in made.mp4.items()]
    lifecycle.end_step(video_id, StepName.PACKAGE, assets)
