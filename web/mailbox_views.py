"""The mailbox as pages, and as JSON for scripts and tests."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST, require_safe

from web import mailbox
from web.locality import has_mailbox

LISTED = 100
LISTED_AT_MOST = 1000
# A mail's HTML is a stranger's: no script, no form, nothing loaded from elsewhere. Links open in a tab of their own.
SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
MAIL_POLICY = (
    f"sandbox {SANDBOX}; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)
PARTS = ("text", "html", "raw")


def for_this_machine(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Return `view` as it is while the mailbox may be shown, and as an unknown path otherwise."""

    @wraps(view)
    def shown(request: HttpRequest, **kwargs: str) -> HttpResponse:
        if not has_mailbox(request):
            raise Http404
        return view(request, **kwargs)

    return shown


@require_safe
@for_this_machine
def inbox(request: HttpRequest) -> HttpResponse:
    """Show the newest messages, those that mention `?q=` where it is given."""
    words = request.GET.get("q", "").strip()
    context = {
        "words": words,
        "messages_found": mailbox.summaries(words=words, limit=LISTED),
        "kept": mailbox.count(),
        "listed_at_most": LISTED,
    }
    return render(request, "web/mailbox.html", context)


@require_safe
@for_this_machine
def letter(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 (the path's word)
    """Show one message: its text, its HTML or all of it, as `?part=` says."""
    message = _message(id)
    part = request.GET.get("part", "text" if message.text else "html")
    if part not in PARTS:
        raise Http404
    raw = (mailbox.raw(id) or b"").decode(errors="replace") if part == "raw" else ""
    context = {"message": message, "summary": message.summary, "part": part, "raw": raw, "sandbox": SANDBOX}
    return render(request, "web/letter.html", context)


@require_safe
@xframe_options_sameorigin
@for_this_machine
def letter_html(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 (the path's word)
    """Answer with the HTML part alone, for the frame of the page."""
    html = f'<!doctype html><base target="_blank">{_message(id).html}'
    return HttpResponse(html, headers={"Content-Security-Policy": MAIL_POLICY})


@require_POST
@for_this_machine
def empty(request: HttpRequest) -> HttpResponse:
    """Delete every message."""
    mailbox.delete_all()
    return redirect("mailbox")


@require_safe
@for_this_machine
def messages_json(request: HttpRequest) -> HttpResponse:
    """List the newest messages, those to `?to=` where it is given, at most `?limit=`."""
    limit = request.GET.get("limit", str(LISTED))
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit) <= LISTED_AT_MOST):
        return JsonResponse({"limit": [f"A whole number from 1 to {LISTED_AT_MOST}."]}, status=400)
    found = mailbox.summaries(
        to=request.GET.get("to", "").strip(), words=request.GET.get("q", ""), limit=int(limit)
    )
    return JsonResponse([_as_json(summary) for summary in found], safe=False)


@require_safe
@for_this_machine
def message_json(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 (the path's word)
    """Answer with one message: both parts and every header."""
    message = _message(id)
    headers: dict[str, str] = {}
    for name, value in message.headers:  # of a header that came twice, both
        headers[name] = f"{headers[name]}\n{value}" if name in headers else value
    return JsonResponse(
        {**_as_json(message.summary), "text": message.text, "html": message.html, "headers": headers}
    )


@require_safe
@for_this_machine
def message_raw(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 (the path's word)
    """Answer with the message as it came."""
    content = mailbox.raw(id)
    if content is None:
        raise Http404
    # Plain text, whatever a browser may guess: the message is a stranger's.
    return HttpResponse(content, content_type="text/plain; charset=utf-8")


def _message(name: str) -> mailbox.Message:
    message = mailbox.message(name)
    if message is None:
        raise Http404
    return message


def _as_json(summary: mailbox.Summary) -> dict[str, Any]:
    return {
        "id": summary.id,
        "to": summary.to,
        "from": summary.sender,
        "subject": summary.subject,
        "date": summary.received_at.isoformat(),
        "message_id": summary.message_id,
    }
