"""Pages for one's videos: the same workflows and the same shape as behind /api."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from api.errors import NotFound
from media_pipeline import lifecycle, queries
from media_pipeline.errors import UploadGone, WrongState
from media_pipeline.models import Upload, Video
from media_pipeline.removal import erase
from media_pipeline.serializers import VideoSerializer
from media_pipeline.uploads import acceptance, resumable
from media_pipeline.uploads.upload_handler import VideoUploadHandler
from web.forms import UploadForm
from web.timeline import timeline

PAGE_SIZE = 24
# What a player begins with: sharp on a laptop, and no more than a phone's connection carries.
FIRST_HEIGHT = 720


@login_required
@require_safe
def videos(request: HttpRequest) -> HttpResponse:
    """List one's videos, newest first."""
    owned = queries.videos_of(request.user.pk).order_by("-created_at", "-pk")
    page = Paginator(owned, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(
        request, "web/videos.html", {"page": page, "videos": [_shown(request, each) for each in page]}
    )


@csrf_exempt
def upload(request: HttpRequest) -> HttpResponse:
    """Take a video; `_upload` checks the token, once the upload handler stands.

    The middleware's check reads the whole body, and would do so with Django's own handlers and without our limit.
    """
    if request.method == "POST" and request.user.is_authenticated:
        request.upload_handlers = [VideoUploadHandler(request)]
    return _upload(request)


@login_required
@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def _upload(request: HttpRequest) -> HttpResponse:
    form = UploadForm(request.POST or None, request.FILES or None)
    accepted = None
    if form.is_valid():
        with form.refusals():
            sent = form.cleaned_data
            accepted = acceptance.accept(request.user, sent["file"], sent["title"], None)
    if accepted is None:
        context = {"form": form, "open_uploads": _open_uploads(request)}
        return render(request, "web/upload.html", context, status=form.status if form.is_bound else 200)
    return redirect("video_page", id=accepted.pk)


@login_required
@require_POST
def end_upload(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 (the path's word)
    """End a resumable upload and remove its file. Ending it again changes nothing."""
    owner: Any = request.user
    try:
        resumable.end(owner.pk, id, timezone.now())
    except NotFound as error:
        raise Http404 from error
    except UploadGone:
        messages.info(request, "This upload has already ended.")
    else:
        messages.success(request, "The upload was ended.")
    return redirect("upload")


@login_required
@require_safe
def video(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 (the path's word)
    """Show one video: how far it is, and the player once it is ready."""
    return _video_page(request, _own(request, id))


@login_required
@require_POST
def act(request: HttpRequest, id: str, act: str) -> HttpResponse:  # noqa: A002 (the path's word)
    """Cancel, retry or delete a video."""
    owned = _own(request, id)
    if act == "delete":
        erase.delete_video(owned.pk)
        return redirect("videos_page")
    try:
        if act == "cancel":
            lifecycle.cancel(owned.pk, timezone.now())
        else:
            lifecycle.retry(owned.pk)
    except WrongState as error:
        return _video_page(request, _own(request, id), problem=error.detail, status=error.status)
    return redirect("video_page", id=owned.pk)


def _video_page(request: HttpRequest, owned: Video, problem: str = "", status: int = 200) -> HttpResponse:
    shown = _shown(request, owned)
    context = {
        "video": shown,
        "is_final": owned.is_final,
        "may_cancel": not owned.is_final,
        "may_retry": shown["state"] in ("failed", "cancelled"),
        "rows": timeline(shown["steps"], timezone.now()),
        "first": _first_rendition(request, shown),
        "problem": problem,
    }
    return render(request, "web/video.html", context, status=status)


def _open_uploads(request: HttpRequest) -> QuerySet[Upload]:
    return queries.open_uploads(request.user.pk, timezone.now()).order_by("-created_at", "-pk")


def _own(request: HttpRequest, video_id: str) -> Video:
    found = queries.video_of(request.user.pk, video_id)
    if found is None:
        raise Http404
    return found


def _shown(request: HttpRequest, owned: Video) -> dict[str, Any]:
    """Return the video as the API shows it, with times as instants for the template."""
    shown: dict[str, Any] = dict(VideoSerializer(owned, context={"request": request}).data)
    shown["created_at"] = owned.created_at
    shown["finished_at"] = owned.finished_at
    return shown


def _first_rendition(request: HttpRequest, shown: dict[str, Any]) -> dict[str, Any] | None:
    """Return the MP4 to play: the height asked for, else the best one up to 720 lines."""
    renditions: list[dict[str, Any]] = (
        sorted(shown["outputs"]["mp4"], key=lambda each: each["height"]) if shown["outputs"] else []
    )
    if not renditions:
        return None
    asked = request.GET.get("height", "")
    wanted = [each for each in renditions if str(each["height"]) == asked]
    fitting = [each for each in renditions if each["height"] <= FIRST_HEIGHT] or renditions[:1]
    return (wanted or fitting)[-1]
