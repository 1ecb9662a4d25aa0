"""A film's changes as server-sent events, until nothing changes any more."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse
from rest_framework.renderers import JSONRenderer

from api.connections import lent
from api.methods import only
from media_pipeline import announcements, queries
from media_pipeline.access import user_id_of
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
    """Answer with the film now and after each change, then `end`."""
    owner_id = await user_id_of(request)
    if owner_id is None:
        return JsonResponse(
            {"detail": "Authentication credentials were not provided."},
            status=401,
            headers={"WWW-Authenticate": "Bearer"},
        )
    seen = await _snapshot(request, owner_id, id)
    if seen is None:
        return JsonResponse({"detail": "Not found."}, status=404)
    stream = _stream(request, owner_id, id, request.headers.get("Last-Event-ID", ""))
    return StreamingHttpResponse(
        stream,
        content_type="text/event-stream",
        headers={"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"},
    )


class Snapshot:
    """The film as one event would show it."""

    def __init__(self, version: int, is_final: bool, body: str) -> None:
        self.id = str(version)
        self.is_final = is_final
        self.body = body


async def _stream(request: HttpRequest, owner_id: UUID, video_id: str, last_id: str) -> AsyncIterator[str]:
    yield f"retry: {_RETRY_MILLISECONDS}\n\n"
    spoken_at = time.monotonic()
    # Listening begins before the first look: a change between the two is heard.
    async with announcements.listening(video_id) as ear:
        while True:
            now = await _snapshot(request, owner_id, video_id)
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
            await ear.wait(_RE_READ_SECONDS)
            await ear.rest(_CALM_SECONDS)


@lent
def _snapshot(request: HttpRequest, owner_id: UUID, video_id: str) -> Snapshot | None:
    """Read the film; the connection goes back before anything is sent."""
    video = queries.video_of(owner_id, video_id)
    if video is None:
        return None
    shown: Any = VideoSerializer(video, context={"request": request}).data
    return Snapshot(video.version, video.is_final, JSONRenderer().render(shown).decode())


def _event(kind: str, event_id: str, body: str) -> str:
    return f"id: {event_id}\nevent: {kind}\ndata: {body}\n\n"
