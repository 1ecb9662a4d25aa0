"""A video's changes as server-sent events, until nothing changes any more."""

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse
from rest_framework.renderers import JSONRenderer

from accounts.logins.login_watch import watch
from api.connections import lent
from api.methods import only
from media_pipeline import queries
from media_pipeline.access import Reader, reader_of
from media_pipeline.progress import announcements, open_streams
from media_pipeline.serializers import VideoSerializer

# An announcement may be lost: the row is read again after so long at the latest.
_RE_READ_SECONDS: Final = 2.0
# Progress is written once a second by each of many jobs; nobody needs more than four events a second.
_CALM_SECONDS: Final = 0.25
# Proxies close a silent connection, most after a minute or less.
_PING_SECONDS: Final = 15.0
_RETRY_MILLISECONDS: Final = 2000


@only("GET")
async def events(request: HttpRequest, id: str) -> HttpResponseBase:  # noqa: A002 - the path's word
    """Answer with the video now and after each change, then `end`."""
    reader = await reader_of(request)
    if reader is None:
        return JsonResponse(
            {"detail": "Authentication credentials were not provided."},
            status=401,
            headers={"WWW-Authenticate": "Bearer"},
        )
    if await _snapshot(request, reader.user_id, id) is None:
        return JsonResponse({"detail": "Not found."}, status=404)
    place = open_streams.Place(reader.user_id)
    await place.take()
    stream = _stream(request, reader, id, place)
    return StreamingHttpResponse(
        _in_its_place(place, stream),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"},
    )


class Snapshot:
    """The video as one event would show it."""

    def __init__(self, version: int, is_final: bool, body: str) -> None:
        self.id = str(version)
        self.is_final = is_final
        self.body = body


async def _in_its_place(place: open_streams.Place, stream: AsyncGenerator[str]) -> AsyncIterator[str]:
    """Yield the stream's events, and give its place back when it ends or its client goes away."""
    try:
        async with aclosing(stream):
            async for event in stream:
                yield event
    finally:
        await place.give_back()


async def _stream(
    request: HttpRequest, reader: Reader, video_id: str, place: open_streams.Place
) -> AsyncGenerator[str]:
    holds, last_id = watch(reader.login_id), request.headers.get("Last-Event-ID", "")
    yield f"retry: {_RETRY_MILLISECONDS}\n\n"
    spoken_at = time.monotonic()
    # Listening begins before the first look: a change between the two is heard.
    async with announcements.listening(video_id) as ear:
        while True:
            if not await holds():
                yield _event("end", last_id, json.dumps({"detail": "Logged out."}))
                return
            now = await _snapshot(request, reader.user_id, video_id)
            if now is None:
                # Deleted meanwhile.
                yield _event("end", last_id, json.dumps({"detail": "Not found."}))
                return
            if now.id != last_id:
                yield _event("video", now.id, now.body)
                last_id, spoken_at = now.id, time.monotonic()
            if now.is_final:
                yield _event("end", now.id, "{}")
                return
            if time.monotonic() - spoken_at > _PING_SECONDS:
                yield ": ping\n\n"
                spoken_at = time.monotonic()
            await place.renew()
            await ear.wait(_RE_READ_SECONDS)
            await ear.rest(_CALM_SECONDS)


@lent
def _snapshot(request: HttpRequest, owner_id: UUID, video_id: str) -> Snapshot | None:
    """Read the video; the connection goes back before anything is sent."""
    video = queries.video_of(owner_id, video_id)
    if video is None:
        return None
    shown: Any = VideoSerializer(video, context={"request": request}).data
    return Snapshot(video.version, video.is_final, JSONRenderer().render(shown).decode())


def _event(kind: str, event_id: str, body: str) -> str:
    return f"id: {event_id}\nevent: {kind}\ndata: {body}\n\n"
