"""What pages of other origins are told; real browsers try it in tests/integration/test_browser.py."""

import pytest
from asgiref.sync import async_to_sync

from config.cross_origin import CrossOrigin
from config.request_guard import RequestGuard

APP = "https://app.example.com"
TUS = ("Location", "Upload-Offset", "Upload-Length", "Upload-Expires", "Tus-Resumable", "Tus-Max-Size")


@pytest.fixture(autouse=True)
def allowed(settings):
    settings.CORS_ALLOWED_ORIGINS = (APP,)


def ask(method="GET", path="/api/videos", inner=None, **headers):
    """Return the status, the headers and whether the application behind was asked."""
    sent, asked = [], []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    async def answer(scope, receive, send):
        asked.append(scope["method"])
        await send({"type": "http.response.start", "status": 404, "headers": [(b"Vary", b"Cookie")]})
        await send({"type": "http.response.body", "body": b"{}"})

    encoded = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": encoded, "query_string": b""}
    async_to_sync(CrossOrigin(inner or answer))(scope, receive, send)
    found = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, bool(asked)


def preflight(path="/api/uploads", **headers):
    return ask("OPTIONS", path, origin=APP, access_control_request_method="PATCH", **headers)


def test_errors_bear_the_headers_too():
    status, headers, _ = ask(origin=APP)

    assert status == 404
    assert headers["access-control-allow-origin"] == APP
    exposed = headers["access-control-expose-headers"].split(", ")
    assert set(exposed) >= {*TUS, "Content-Range", "Retry-After", "X-Request-ID"}


def test_a_refusal_before_django_bears_the_headers(db):
    status, headers, _ = ask(
        "POST",
        inner=RequestGuard(None),
        origin=APP,
        content_type="multipart/form-data; boundary=x",
        content_length="9",
    )

    assert (status, headers["access-control-allow-origin"]) == (401, APP)


def test_a_preflight_is_answered_without_a_login():
    status, headers, was_asked = preflight(
        access_control_request_headers="authorization,tus-resumable,cmcd-session"
    )

    assert (status, was_asked) == (204, False)
    assert headers["access-control-allow-origin"] == APP
    assert {"PATCH", "HEAD", "DELETE"} <= set(headers["access-control-allow-methods"].split(", "))
    assert headers["access-control-allow-headers"] == "authorization,tus-resumable,cmcd-session"
    assert "Access-Control-Request-Headers" in headers["vary"]


def test_options_that_are_no_preflight_reach_the_view():
    _, headers, was_asked = ask("OPTIONS", "/api/uploads", origin=APP)

    assert was_asked
    assert headers["access-control-allow-origin"] == APP


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://app.example.com.evil.example", f"{APP}:444"]
)
def test_another_origin_is_told_nothing(origin):
    _, headers, _ = ask(origin=origin)
    preflight_status, told, _ = ask("OPTIONS", origin=origin, access_control_request_method="GET")

    assert not [name for name in {**headers, **told} if name.startswith("access-control")]
    assert preflight_status == 404  # what the application behind says


def test_no_cookie_counts_from_another_origin():
    assert "access-control-allow-credentials" not in ask(origin=APP)[1]
    assert "access-control-allow-credentials" not in preflight()[1]


def test_caches_are_told_that_the_response_depends_on_the_origin():
    assert ask()[1]["vary"] == "Cookie, Origin"
    assert ask(origin=APP)[1]["vary"] == "Cookie, Origin"


@pytest.mark.parametrize("path", ["/videos", "/apiary", "/admin/"])
def test_pages_are_left_alone(path):
    assert ask(path=path, origin=APP)[1] == {"vary": "Cookie"}


def test_it_is_off_by_default(settings):
    settings.CORS_ALLOWED_ORIGINS = ()

    assert ask(origin=APP)[1] == {"vary": "Cookie"}
    assert preflight()[2]
