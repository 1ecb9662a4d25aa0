"""The first page."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from web.locality import has_mailbox, is_local


@dataclass(frozen=True, slots=True)
class Place:
    """Something that runs and can be looked at."""

    title: str
    url: str
    what: str


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Say what this is, and lead to everything that runs."""
    return render(request, "web/home.html", {"places": _places(request)})


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """Say what is stored about a user, what for, and for how long."""
    return render(
        request,
        "web/privacy.html",
        {"token_days": settings.TOKEN_DAYS, "lock_minutes": settings.LOGIN_LOCK_MINUTES},
    )


def _places(request: HttpRequest) -> list[Place]:
    found = [Place("API", reverse("docs"), "Every call, to read and to try")]
    if has_mailbox(request):
        found.append(
            Place("Mailbox", reverse("mailbox"), "Every mail that was sent, instead of a mail provider")
        )
    if is_local(request):  # these are bound to this machine: to others the links would be dead
        found += [
            Place("Flower", settings.FLOWER_URL, "Workers and what they run at this moment"),
            Place("Metrics", settings.METRICS_URL, "What Prometheus reads"),
        ]
    if is_local(request) or getattr(request.user, "is_staff", False):
        found.append(Place("Admin", reverse("admin:index"), "The job ledger and all other rows, for staff"))
    found.append(Place("Health", reverse("readyz"), "Each dependency by name"))
    return found
