"""What every response forbids browsers and caches to do."""

from collections.abc import Awaitable, Callable
from typing import ClassVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
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
    """Sets the policies, and keeps pages and JSON out of caches, where a view has not said otherwise."""

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
    content_type = answer.headers.get("Content-Type", "")
    if content_type.startswith("text/html"):
        answer.headers.setdefault("Cache-Control", "private, no-cache")
    elif content_type.startswith("application/json"):
        # The API's: an account, tokens, videos. Neither a shared cache nor the browser's disk keeps them.
        answer.headers.setdefault("Cache-Control", "no-store")
    return answer
