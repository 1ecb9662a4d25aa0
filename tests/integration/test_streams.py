"""Answers without an end, through a real web process: they leave the database to everybody else."""

from contextlib import ExitStack

import pytest

from tests.harness.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

POOL = 2

ROWS = """
from django.utils import timezone
from knox.models import AuthToken
from accounts.models import User
from tests.unit.media_pipeline.builders import a_video, an_asset
owner = User.objects.create_user("owner@example.org", "correct horse battery", verified_at=timezone.now())
video = a_video(owner)
an_asset(video, "mp4", "360", "film/360.mp4", bytes(50_000_000))
print("ROWS", video.pk, AuthToken.objects.create(owner)[1])
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    stack = Stack(tmp_path_factory.mktemp("site"), DATABASE_POOL_SIZE=str(POOL))
    made = stack.house.run("manage.py", "shell", "-c", ROWS)
    assert "ROWS " in made.stdout, made.stderr
    film, token = made.stdout.rpartition("ROWS ")[2].split()
    visitor = stack.start_web()
    visitor.headers["Authorization"] = f"Bearer {token}"
    yield visitor, f"/api/videos/{film}"
    stack.close()


@pytest.mark.parametrize("path", ["events", "files/film/360.mp4"])
def test_more_streams_than_connections_leave_the_site_answering(site, path):
    visitor, film = site

    with ExitStack() as open_streams:
        begun = []
        for _ in range(POOL + 2):
            stream = open_streams.enter_context(visitor.stream("GET", f"{film}/{path}"))
            assert stream.status_code == 200
            begun.append(stream.iter_raw())  # kept: httpx ends a stream that nobody reads any more
            assert next(begun[-1])

        assert visitor.get("/api/account").status_code == 200
