"""Resumable uploads over HTTP: tus 1.0, for any client of it. Plain views: they take their bodies as these come."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils import timezone
from django.utils.http import http_date
from django.views.decorators.csrf import csrf_exempt
from rest_framework.request import Request

from accounts.logins.login_watch import watch
from accounts.models import User
from api import answers
from api.connections import lent
from api.errors import Refused
from api.idempotency import REPLAYED, Claim, fingerprints, key_of, once, owned_by
from api.pagination import NewestFirst
from media_pipeline import queries
from media_pipeline.access import Caller, caller
from media_pipeline.errors import CutOff
from media_pipeline.models import Upload
from media_pipeline.serializers import OpenUploadSerializer
from media_pipeline.uploads import resumable, tus_headers, upload_stream

# An upload may take hours, and a login may end meanwhile.
LOGIN_CHECKED_EVERY_SECONDS = 1.0

Door = Callable[..., Awaitable[HttpResponse]]


async def _list(request: HttpRequest) -> HttpResponse:
    """List the uploads that can be continued or made a video of, newest first."""
    owner = (await caller(request)).user
    answer = await _page(request, owner)
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def _create(request: HttpRequest) -> HttpResponse:
    """Make an upload, and take its first bytes where some come along."""
    tus_headers.refuse_unsupported(request)
    if tus_headers.has_body(request):
        tus_headers.refuse_another_type(request)
    client = await caller(request)
    owner = client.user
    checksum = tus_headers.checksum(request)
    answer = await _begin(request, owner, tus_headers.length(request), tus_headers.metadata(request))
    upload_id = UUID(json.loads(answer.content)["id"])
    upload = await lent(queries.upload_of)(owner.pk, upload_id)
    if upload is None:  # a repetition, and what it made the first time is gone
        return answer
    if tus_headers.has_body(request) and REPLAYED not in answer.headers:
        upload = await _take_first_bytes(request, client, upload, checksum)
    return _with(answer, upload)


async def _show(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the path's word
    """Tell how much of the upload is there."""
    owner = (await caller(request)).user
    upload = await lent(resumable.find)(owner.pk, id, timezone.now())
    answer = _with(_empty(200), upload)
    answer.headers["Upload-Length"] = str(upload.length_bytes)
    answer.headers["Cache-Control"] = "no-store"
    if upload.metadata:
        answer.headers["Upload-Metadata"] = upload.metadata
    return answer


async def _add(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the path's word
    """Take the upload's next bytes."""
    tus_headers.refuse_another_type(request)
    client = await caller(request)
    offset, checksum = tus_headers.offset(request), tus_headers.checksum(request)
    upload = await lent(resumable.find)(client.user.pk, id, timezone.now())
    return _with(_empty(204), await _append(request, client, upload, offset, checksum))


async def _end(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - the path's word
    """Remove the upload."""
    owner = (await caller(request)).user
    await lent(resumable.end)(owner.pk, id, timezone.now())
    return _empty(204)


def _door(**doors: Door) -> Callable[..., Awaitable[HttpResponseBase]]:
    """Return a view of these methods. Each answer bears the protocol's version, a refusal what helps the client."""
    allowed = ", ".join((*doors, "OPTIONS"))

    async def view(request: HttpRequest, **path: str) -> HttpResponseBase:
        method = tus_headers.method_of(request)
        if method == "OPTIONS":
            answer = _offer()
        elif method not in doors:
            answer = JsonResponse({"detail": f'Method "{method}" not allowed.'}, status=405)
        else:
            request.method = method  # before anything asks whether it is a safe one
            answer = await _answer(doors[method], request, path)
        answer.headers["Allow"] = allowed
        answer.headers["Tus-Resumable"] = tus_headers.VERSION
        return answer

    # Not the middleware's check, for a token needs none and its refusal is a page: `caller` asks where it matters.
    return csrf_exempt(view)


uploads = _door(GET=_list, POST=_create)
upload = _door(HEAD=_show, PATCH=_add, DELETE=_end)


async def _answer(door: Door, request: HttpRequest, path: dict[str, str]) -> HttpResponse:
    try:
        if request.method != "GET":  # the list is not part of tus: any client of the API may read it
            tus_headers.refuse_another_version(request)
        return await door(request, **path)
    except (Refused, *answers.DATABASE_GONE) as error:
        return _refusal(error)


@lent
def _page(request: HttpRequest, owner: User) -> HttpResponse:
    paginator = NewestFirst()
    page = paginator.paginate_queryset(queries.open_uploads(owner.pk, timezone.now()), Request(request))
    rows = OpenUploadSerializer(page, many=True, context={"request": request}).data
    return JsonResponse(paginator.get_paginated_response(rows).data)


@lent
def _begin(request: HttpRequest, owner: User, length: int, metadata: str) -> HttpResponse:
    """Make the upload, or answer again what the request's Idempotency-Key was answered."""

    def begun() -> HttpResponse:
        upload = resumable.begin(owner, length, metadata, timezone.now())
        place = request.build_absolute_uri(f"{upload_stream.PATH}/{upload.pk}")
        return JsonResponse({"id": upload.pk}, status=201, headers={"Location": place})

    key = key_of(request)
    if key is None:
        return begun()
    payload = fingerprints(json.dumps([length, metadata]))
    return once(Claim(owned_by(owner.pk), f"POST {upload_stream.PATH}", key, payload), begun)


async def _take_first_bytes(
    request: HttpRequest, client: Caller, upload: Upload, checksum: resumable.Checksum | None
) -> Upload:
    try:
        return await _append(request, client, upload, 0, checksum)
    except Refused:
        # Without a key to ask again with, nobody will ever know its address.
        if key_of(request) is None:
            await lent(resumable.end)(upload.owner_id, upload.pk, timezone.now())
        raise


async def _append(
    request: HttpRequest, client: Caller, upload: Upload, offset: int, checksum: resumable.Checksum | None
) -> Upload:
    announced = tus_headers.announced_bytes(request)
    pieces = _while_logged_in(_pieces(request), client)
    return await resumable.append(upload, offset, pieces, announced_bytes=announced, checksum=checksum)


async def _while_logged_in(pieces: AsyncIterator[bytes], client: Caller) -> AsyncIterator[bytes]:
    """Yield the pieces. Raises Refused (401) once the login that the request came with has ended."""
    holds, looked_at = watch(client.login_id), time.monotonic()
    async for piece in pieces:
        if time.monotonic() - looked_at >= LOGIN_CHECKED_EVERY_SECONDS:
            if not await holds():
                raise Refused("Logged out.", status=401)
            looked_at = time.monotonic()
        yield piece


async def _pieces(request: HttpRequest) -> AsyncIterator[bytes]:
    """Yield the body as it comes. Raises CutOff where the client goes away or falls silent."""
    receive: upload_stream.Receive = request.scope[upload_stream.KEY]  # type: ignore[attr-defined]  # ASGI's
    is_there_more = True
    while is_there_more:
        try:
            message = await asyncio.wait_for(receive(), settings.UPLOAD_SILENCE_SECONDS)
        except TimeoutError as error:
            raise CutOff from error
        if message["type"] == "http.disconnect":
            raise CutOff
        if piece := message.get("body", b""):
            yield piece
        is_there_more = message.get("more_body", False)


def _offer() -> HttpResponse:
    """Return what the server can do; nobody needs to log in to ask."""
    answer = _empty(204)
    answer.headers["Tus-Version"] = tus_headers.VERSION
    answer.headers["Tus-Extension"] = tus_headers.EXTENSIONS
    answer.headers["Tus-Max-Size"] = str(settings.VIDEO_MAX_BYTES)
    answer.headers["Tus-Checksum-Algorithm"] = ",".join(tus_headers.ALGORITHMS)
    return answer


def _refusal(error: Exception) -> HttpResponse:
    answer = answers.json_of(error)
    help_with = {
        401: {"WWW-Authenticate": "Bearer"},
        408: {"Connection": "close"},  # the rest of the body may still come, and is not read
        412: {"Tus-Version": tus_headers.VERSION},
        413: {"Tus-Max-Size": str(settings.VIDEO_MAX_BYTES)},
    }
    for name, value in help_with.get(answer.status_code, {}).items():
        answer.headers[name] = value
    return answer


def _with(answer: HttpResponse, upload: Upload) -> HttpResponse:
    answer.headers["Upload-Offset"] = str(upload.offset_bytes)
    answer.headers["Upload-Expires"] = http_date(upload.expires_at.timestamp())
    return answer


def _empty(status: int) -> HttpResponse:
    answer = HttpResponse(status=status)
    del answer.headers["Content-Type"]
    return answer
