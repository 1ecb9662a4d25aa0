"""Methods of plain views that only show something."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt

type_of_view = Callable[..., Awaitable[HttpResponseBase]]


def only(*methods: str) -> Callable[[type_of_view], type_of_view]:
    """Return a decorator that answers other methods with 405 in JSON, and OPTIONS with what there is.

    The view changes nothing, so no CSRF token is asked for: its absence would hide the 405 behind a 403 page.
    """
    allowed = {"Allow": ", ".join((*methods, "OPTIONS"))}

    def decorate(view: type_of_view) -> type_of_view:
        @wraps(view)
        async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method in methods:
                return await view(request, *args, **kwargs)
            if request.method == "OPTIONS":
                return JsonResponse({}, headers=allowed)
            detail = f'Method "{request.method}" not allowed.'
            return JsonResponse({"detail": detail}, status=405, headers=allowed)

        return csrf_exempt(guarded)

    return decorate
