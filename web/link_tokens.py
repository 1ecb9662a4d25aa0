"""Tokens of mailed links, taken out of the address bar at once.

The link's query would stay in the browser's history, go along as a referrer, and stand in the log of every proxy. The
first response moves the token into a cookie for that one page and sends the browser to the page without a query.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

COOKIE = "offstage_link"
MAX_AGE_SECONDS = 60 * 60
MAX_LENGTH = 512


def exchange(request: HttpRequest) -> HttpResponse | None:
    """Return the redirect to the page without its token, None where the URL has no token."""
    if request.method == "POST" or "token" not in request.GET:
        return None
    page = request.path.rstrip("/")
    response = redirect(page)
    response.set_cookie(
        COOKIE,
        request.GET["token"][:MAX_LENGTH],
        max_age=MAX_AGE_SECONDS,
        path=page,
        secure=settings.HTTPS,
        httponly=True,
        # Not Strict: the browser comes from the user's mail.
        samesite="Lax",
    )
    # Not on the page itself: browsers would send its form with `Origin: null`, which the CSRF check refuses.
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


def token_of(request: HttpRequest) -> str:
    """Return the token that the page was opened with, empty where there was none."""
    return request.COOKIES.get(COOKIE, "")


def forget(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Return `response`, which removes the spent token from the browser."""
    response.delete_cookie(COOKIE, path=request.path.rstrip("/"), samesite="Lax")
    return response
