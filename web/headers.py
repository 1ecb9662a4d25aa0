"""What every response forbids browsers and caches to do."""

from collections.abc import Awaitable, Callable
from typing import ClassVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
# Swagger UI draws with style attributes and styles of its own; its scripts are files like ours.
DOCS_POLICY = f"{POLICY}; style-src 'self' 'unsafe-inline'"

# No page of ours uses the device, and none is embedded anywhere.
PERMISSIONS = ", ".join(
    f"{name}=()"
    for name in (
        "accelerometer", "browsing-topics", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer",
        "microphone", "midi", "payment", "serial", "usb",
    )
)  # fmt: skip

type_of_answer = HttpResponseBase | Awaitable[HttpResponseBase]


class PageHeaders:
    """Sets the headers that restrict browsers and caches, where a view has not set them."""

    sync_capable: ClassVar[bool] = True
    async_capable: ClassVar[bool] = True

    def __init__(self, get_response: Callable[[HttpRequest], type_of_answer]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> type_of_answer:
        """Answer the request, synchronously or not as the server is."""
        if self.is_async:
            return self._answer_async(request)
        return _guarded(request, self.get_response(request))  # type: ignore[arg-type]  # sync here

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        return _guarded(request, await self.get_response(request))  # type: ignore[misc]  # async here


def _guarded(request: HttpRequest, answer: HttpResponseBase) -> HttpResponseBase:
    policy = DOCS_POLICY if request.path.rstrip("/") == "/api/docs" else POLICY
    answer.headers.setdefault("Content-Security-Policy", policy)
    answer.headers.setdefault("Permissions-Policy", PERMISSIONS)
    answer.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    # Django's middleware does not see what an outer one answers: static files and requests for another host.
    answer.headers.setdefault("X-Frame-Options", "DENY")
    content_type = answer.headers.get("Content-Type", "")
    if content_type.startswith("text/html"):
        # The back button must not show a page of a user who has logged out.
        kept = "no-store" if settings.SESSION_COOKIE_NAME in request.COOKIES else "private, no-cache"
        answer.headers.setdefault("Cache-Control", kept)
    elif content_type.startswith("application/json"):
        # The API's: an account, tokens, videos. Neither a shared cache nor the browser's disk keeps them.
        answer.headers.setdefault("Cache-Control", "no-store")
        if not _is_read_by_a_script(request):
            # A browser that is led to it stores it under this name, whatever the path ends with, and never renders it.
            answer.headers.setdefault("Content-Disposition", 'attachment; filename="api.json"')
    if _ends_session(answer):
        # Not "cache" as well: Chrome takes seconds to clear it, and nothing of a user is in it.
        answer.headers["Clear-Site-Data"] = '"storage"'
    return answer


def _is_read_by_a_script(request: HttpRequest) -> bool:
    """Say whether a script of a page reads the response: a browser renders nothing of it.

    Swagger UI would show a link in the place of the JSON.
    """
    return request.headers.get("Sec-Fetch-Dest") == "empty"


def _ends_session(answer: HttpResponseBase) -> bool:
    """Say whether the response removes the session's cookie: after a logout, a deletion, or the end of the session."""
    cookie = answer.cookies.get(settings.SESSION_COOKIE_NAME)
    return cookie is not None and cookie["max-age"] == 0
