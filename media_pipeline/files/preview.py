"""A video over HTTP while it is still processed: to its owner, as HLS that grows with the encoded chunks."""

from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase

from api.connections import lent
from api.methods import only
from api.ranges import CONTENT_TYPES, Span, serve_file
from media_pipeline import queries
from media_pipeline.access import reader_of
from media_pipeline.files import preview_files
from media_pipeline.models import Video


@only("GET", "HEAD")
async def preview(request: HttpRequest, id: str, path: str) -> HttpResponseBase:  # noqa: A002 - the path's word
    """Answer with a playlist or a segment; 404 before the first chunk is encoded and once the video is final."""
    reader = await reader_of(request)
    video = await _previewed(reader.user_id, id) if reader else None
    if video is None:
        raise Http404
    found = await sync_to_async(preview_files.find, thread_sensitive=False)(*video, path)
    if found is None:
        raise Http404
    if isinstance(found, str):
        return HttpResponse(
            found, content_type=CONTENT_TYPES[".m3u8"], headers={"Cache-Control": "private, no-store"}
        )
    return await serve_file(request, found.path, CONTENT_TYPES[".mp4"], within=Span(found.first, found.end))


@lent
def _previewed(owner_id: UUID, video_id: str) -> tuple[Video, int] | None:
    """Return the video and how many of its chunks can be watched, None where nothing can be watched early."""
    video = queries.video_of(owner_id, video_id)
    if video is None or video.is_final or video.plan is None:
        return None
    encoded = queries.encoded_from_the_first(video.pk)
    return (video, encoded) if encoded else None
