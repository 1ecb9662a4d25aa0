"""The films' part of an account's export."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from media_pipeline import queries
from media_pipeline.files import storage
from media_pipeline.models import Asset, AssetKind

_UPLOAD_FIELDS = ("id", "metadata", "length_bytes", "offset_bytes", "created_at", "expires_at")
_FIELDS = (
    "id",
    "title",
    "project_id",
    "state",
    "error",
    "warnings",
    "created_at",
    "finished_at",
    "duration_seconds",
)


def export_films(user_id: str) -> Iterator[tuple[str, list[dict[str, object]] | Path]]:
    """Yield the lists of the user's videos and unfinished uploads, then each video's source, text tracks and chapters.

    The renditions are left out: they can be made again from the upload, and are several times its size.
    """
    films = queries.videos_of(UUID(user_id))
    yield "videos.json", list(films.order_by("created_at").values(*_FIELDS))
    yield "uploads.json", list(queries.unused_uploads(UUID(user_id)).values(*_UPLOAD_FIELDS))
    for video in films.iterator(chunk_size=50):
        if video.source and (upload := storage.lend(storage.source(video.pk))).is_file():
            yield f"videos/{video.pk}/{video.source}", upload
        for asset in video.assets.all():
            name = _name_of(asset)
            path = storage.output_file(video.pk, asset.path) if name else None
            if path is not None:
                yield f"videos/{video.pk}/{name}", path


def _name_of(asset: Asset) -> str | None:
    """Return what the archive calls the file, None for what is left out."""
    if asset.kind == AssetKind.SUBTITLES:
        return f"subtitles.{asset.name}.vtt"
    return asset.name if asset.kind == AssetKind.CHAPTERS else None
