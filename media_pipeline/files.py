"""The films' output files over HTTP: to their owner, with ranges; to anybody else they do not exist."""

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, HttpResponseBase

from api.methods import only
from api.ranges import serve_file
from media_pipeline import queries, storage
from media_pipeline.access import user_id_of


@only("GET", "HEAD")
async def file(request: HttpRequest, id: str, path: str) -> HttpResponseBase:  # noqa: A002 - the path's word
    """Answer with an output file. Relative URIs inside playlists resolve below the same film."""
    owner_id = await user_id_of(request)
    if owner_id is None or not await queries.videos_of(owner_id).filter(pk=id).aexists():
        raise Http404
    found = await sync_to_async(storage.output_file, thread_sensitive=False)(id, path)
    if found is None:
        raise Http404
    return await serve_file(request, found)
