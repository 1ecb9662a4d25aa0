"""Output files: to their owner, with ranges, and nothing but output files."""

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import AsyncClient
from knox.models import AuthToken

from api import ranges
from media_pipeline.files import storage
from media_pipeline.models import VideoState
from tests.unit.media_pipeline.builders import a_video, an_asset, kept_everywhere

pytestmark = pytest.mark.django_db

CONTENT = bytes(range(200))


@pytest.fixture
def film(owner):
    video = a_video(owner, VideoState.READY)
    an_asset(video, "mp4", "360", "film/360.mp4", CONTENT)
    return video


def ask(video, path, user=None, *, method="get", **headers):
    """Return status, headers and body."""
    if user is not None:
        _, token = AuthToken.objects.create(user)
        headers["Authorization"] = f"Bearer {token}"

    async def fetch():
        answer = await getattr(AsyncClient(), method)(f"/api/videos/{video.pk}/files/{path}", headers=headers)
        body = b"".join([piece async for piece in answer]) if answer.streaming else answer.content
        return answer.status_code, answer.headers, body

    return async_to_sync(fetch)()


def test_the_owner_gets_the_file(film, owner):
    status, headers, body = ask(film, "film/360.mp4", owner)

    assert (status, body) == (200, CONTENT)
    assert headers["Content-Type"] == "video/mp4"
    assert "private" in headers["Cache-Control"]


def test_a_player_gets_the_range_it_asks_for(film, owner):
    status, headers, body = ask(film, "film/360.mp4", owner, Range="bytes=10-19")

    assert (status, body) == (206, CONTENT[10:20])
    assert headers["Content-Range"] == "bytes 10-19/200"


def test_a_range_beyond_the_end_is_refused(film, owner):
    assert ask(film, "film/360.mp4", owner, Range="bytes=500-")[0] == 416


def test_head_tells_the_length_only(film, owner):
    status, headers, body = ask(film, "film/360.mp4", owner, method="head")

    assert (status, headers["Content-Length"], body) == (200, "200", b"")


def test_the_session_cookie_works_too(film, owner):
    async def fetch():
        client = AsyncClient()
        await client.aforce_login(owner)
        return (await client.head(f"/api/videos/{film.pk}/files/film/360.mp4")).status_code

    assert async_to_sync(fetch)() == 200


def test_to_anybody_else_the_file_does_not_exist(film, stranger):
    assert ask(film, "film/360.mp4", stranger)[0] == 404
    assert ask(film, "film/360.mp4")[0] == 404
    assert ask(film, "film/360.mp4", Authorization="Bearer nonsense")[0] == 404


@pytest.mark.parametrize(
    "path",
    [
        "../source",
        "film/../../source",
        "..%2fsource",
        "%2e%2e/source",
        "//etc/passwd",
        "film//../../source",
        "film/.tmp-1/360.mp4",
        "film/secret.mp4",
        "film",
        "film/360.mp4%00.vtt",
        "missing.mp4",
        "a" * 300,
        "film/" + "a" * 300,
        "/".join(["a" * 200] * 30),
    ],
)
def test_nothing_but_output_files_is_served(film, owner, path, tmp_path):
    output = storage.film_folder(film.pk) / "output"
    (output / "film/.tmp-1").mkdir()
    (output / "film/.tmp-1/360.mp4").write_bytes(b"half")
    (tmp_path / "secret").write_bytes(b"secret")
    (output / "film/secret.mp4").symlink_to(tmp_path / "secret")

    assert ask(film, path, owner)[0] == 404


def test_other_methods_are_refused(film, owner):
    status, headers, body = ask(film, "film/360.mp4", owner, method="post")

    assert (status, headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert json.loads(body) == {"detail": 'Method "POST" not allowed.'}


def test_a_token_that_is_no_text_is_nobodys(film):
    assert ask(film, "film/360.mp4", Authorization="Bearer \xff")[0] == 404


def test_what_another_machine_made_is_served_with_ranges(bucket, film, owner, move):
    kept_everywhere(film)
    there = ask(film, "film/360.mp4", owner)
    move("another")

    here = ask(film, "film/360.mp4", owner)
    part = ask(film, "film/360.mp4", owner, Range="bytes=10-19")

    assert (here[0], here[2]) == (200, CONTENT)
    assert here[1]["Content-Type"] == "video/mp4"
    assert here[1]["ETag"] == there[1]["ETag"]
    assert (part[0], part[2]) == (206, CONTENT[10:20])


@pytest.mark.parametrize(
    "path", ["../source", "film/../../source", "film/.listing", "film", "film/", "missing.mp4"]
)
def test_nothing_but_output_files_is_lent(bucket, film, owner, move, path):
    kept_everywhere(film)
    move("another")

    assert ask(film, path, owner)[0] == 404
    # Neither the source nor a whole folder was brought here to say no.
    assert {file.name for file in storage.film_folder(film.pk).rglob("*") if file.is_file()} <= {".listing"}


def test_a_file_that_the_bucket_has_while_it_is_away_is_worth_asking_for_again(bucket, film, owner, move):
    kept_everywhere(film)
    move("another")
    bucket.kill()

    status, headers, body = ask(film, "film/360.mp4", owner)

    assert (status, headers["Retry-After"]) == (503, "5")
    assert "store of files" in json.loads(body)["detail"]


def download(video, owner, change):
    """Return how many bytes come of a download, before whose end `change` happens."""
    _, token = AuthToken.objects.create(owner)

    async def fetch():
        answer = await AsyncClient().get(
            f"/api/videos/{video.pk}/files/film/360.mp4", headers={"Authorization": f"Bearer {token}"}
        )
        pieces: Any = aiter(answer)
        count = len(await anext(pieces))
        await sync_to_async(change)()
        return count + sum([len(piece) async for piece in pieces])

    return async_to_sync(fetch)()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("end", ["logout", "deletion of the account", "deletion of the video", "nothing"])
def test_a_download_is_cut_off_when_its_login_or_its_film_is_gone(owner, monkeypatch, end):
    monkeypatch.setattr(ranges, "ASKED_EVERY_SECONDS", -1)
    video = a_video(owner, VideoState.READY)
    length = 20 * ranges.PIECE_BYTES
    an_asset(video, "mp4", "360", "film/360.mp4", bytes(length))
    change = {
        "logout": AuthToken.objects.all().delete,
        "deletion of the account": lambda: type(owner).objects.update(is_active=False),
        "deletion of the video": video.delete,
        "nothing": lambda: None,
    }[end]

    received = download(video, owner, change)

    assert received == (length if end == "nothing" else ranges.PIECE_BYTES)


def test_a_download_bears_the_videos_title(owner):
    video = a_video(owner, VideoState.READY, title='Zürich 100% "live"')
    an_asset(video, "mp4", "640", "film/360.mp4", CONTENT)

    status, headers, body = ask(video, "film/360.mp4?download", owner)

    assert (status, body) == (200, CONTENT)
    assert headers["Content-Disposition"] == (
        'attachment; filename="Z_rich 100_ _live__360p.mp4"; '
        "filename*=UTF-8''Z%C3%BCrich%20100%25%20_live__360p.mp4"
    )


@pytest.mark.parametrize("path", ["film/360.mp4", "film/master.m3u8?download", "film/360.m4s?download"])
def test_what_is_streamed_is_no_download(owner, path):
    video = a_video(owner, VideoState.READY)
    for name in ("360.mp4", "master.m3u8", "360.m4s"):
        an_asset(video, "mp4", name, f"film/{name}", CONTENT)

    assert "Content-Disposition" not in ask(video, path, owner)[1]
