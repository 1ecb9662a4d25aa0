import asyncio
import logging
import sys

import pytest
import structlog
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client

from api.answers import handler404, handler500  # noqa: F401 (Django finds them by name)
from api.routes import route


def bound(request: HttpRequest) -> HttpResponse:
    return HttpResponse(structlog.contextvars.get_contextvars()["request_id"])


async def bound_async(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(0)
    return HttpResponse(structlog.contextvars.get_contextvars()["request_id"])


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError


urlpatterns = [
    route("api/bound", bound),
    route("api/bound-async", bound_async),
    route("api/broken", broken),
    route("files/(?P<token>[^/]+)/a.mp4", lambda request, token: HttpResponse()),
]


@pytest.fixture(autouse=True)
def these_paths(settings):
    settings.ROOT_URLCONF = sys.modules[__name__]


def test_a_sane_id_of_the_client_is_kept_and_echoed():
    answer = Client().get("/api/bound", headers={"X-Request-ID": "build-7.a_1"})

    assert answer.headers["X-Request-ID"] == "build-7.a_1"
    assert answer.text == "build-7.a_1"


@pytest.mark.parametrize("path", ["/api/nothing", "/api/broken", "/nothing"])
def test_an_error_bears_the_id_too(path):
    answer = Client(raise_request_exception=False).get(path, headers={"X-Request-ID": "mine"})

    assert answer.headers["X-Request-ID"] == "mine"


@pytest.mark.anyio
async def test_an_async_view_sees_the_same_id():
    answer = await AsyncClient().get("/api/bound-async", headers={"X-Request-ID": "mine"})

    assert (answer.text, answer.headers["X-Request-ID"]) == ("mine", "mine")


@pytest.mark.anyio
async def test_requests_at_the_same_time_keep_their_own_ids():
    ids = [f"request-{number}" for number in range(20)]

    answers = await asyncio.gather(
        *(AsyncClient().get("/api/bound-async", headers={"X-Request-ID": each}) for each in ids)
    )

    assert [answer.text for answer in answers] == ids


def test_one_line_is_logged_without_query_or_token(caplog):
    with caplog.at_level(logging.INFO):
        Client().get("/files/s3cret/a.mp4?token=s3cret", headers={"X-Request-ID": "mine"})

    lines = [record.msg for record in caplog.records if "request_finished" in str(record.msg)]
    assert len(lines) == 1
    assert lines[0]["status"] == 200
    assert lines[0]["method"] == "GET"
    assert lines[0]["path"] == "/files/<token>/a.mp4"
    assert lines[0]["request_id"] == "mine"
    assert "s3cret" not in str(lines)
