"""The films' output files over HTTP: to their owner, with ranges; to anybody else they do not exist."""

from pathlib import Path

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, HttpResponseBase

from accounts.logins.login_watch import watch
from api.connections import lent
from api.methods import only
from api.ranges import StillAllowed, serve_file
from media_pipeline import queries
from media_pipeline.access import Reader, reader_of
from media_pipeline.file_names import download_name
from media_pipeline.files import storage


@only("GET", "HEAD")
async def file(request: HttpRequest, id: str, path: str) -> HttpResponseBase:  # noqa: A002 - the path's word
    """Answer with an output file. Relative URIs inside playlists resolve below the same video.

    With `?download` a browser stores an MP4, under the video's title; a player never asks so.
    """
    reader = await reader_of(request)
    title = await lent(queries.title_of)(reader.user_id, id) if reader else None
    if reader is None or title is None:
        raise Http404
    found = await sync_to_async(storage.output_file, thread_sensitive=False)(id, path)
    if found is None:
        raise Http404
    save_as = _download_name(title, found) if "download" in request.GET else None
    return await serve_file(request, found, save_as=save_as, still_allowed=_watched(reader, id))


def _download_name(title: str, found: Path) -> str | None:
    """Return "Holiday_720p.mp4" for 720.mp4, None for other files."""
    return download_name(title, f"_{found.stem}p.mp4") if found.suffix == ".mp4" else None


def _watched(reader: Reader, video_id: str) -> StillAllowed:
    """Return what ends the download once the login or the video is gone."""
    holds = watch(reader.login_id)

    async def is_allowed() -> bool:
        return await holds() and await lent(queries.is_owned)(reader.user_id, video_id)

    return is_allowed
