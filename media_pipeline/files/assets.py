"""Recorded output files: made by steps, found again by later ones."""

from pathlib import Path

from media_pipeline.engine.subtitles import Track
from media_pipeline.files import storage
from media_pipeline.models import Asset, AssetKind, Video


def asset(video: Video, kind: AssetKind, name: str, path: Path) -> Asset:
    """Return the row, not stored yet, for the output file at `path`."""
    below = storage.path_below_output(video.pk, path)
    return Asset(video=video, kind=kind, name=name, path=below, bytes=storage.size_bytes(path))


def subtitle_tracks(video: Video) -> list[Track]:
    """Return the video's recorded subtitles."""
    rows = Asset.objects.filter(video=video, kind=AssetKind.SUBTITLES).order_by("pk")
    return [Track.of(storage.lend(storage.output_folder(video.pk, "") / row.path)) for row in rows]


def best_mp4(video: Video) -> Path | None:
    """Return the tallest MP4, None where none is recorded."""
    rows = Asset.objects.filter(video=video, kind=AssetKind.MP4)
    best = max(rows, key=lambda row: int(row.name), default=None)
    return None if best is None else storage.lend(storage.output_folder(video.pk, "") / best.path)
