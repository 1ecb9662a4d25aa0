import os
from pathlib import Path

import pytest
from django.core.signals import request_finished
from django.db import close_old_connections
from django.http import Http404
from django.test import AsyncRequestFactory

from api.ranges import Span, content_type_of, parse_range, serve_file

CONTENT = bytes(range(256)) * 4096  # 1 MiB: more than one piece


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(CONTENT)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


@pytest.fixture
def get():
    """Ask for a file, and close every answer when the test ends, as a server does."""
    answers = []

    async def ask(file: Path, method: str = "GET", save_as: str | None = None, **headers: str):
        request = AsyncRequestFactory().generic(
            method, "/", headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        answers.append(await serve_file(request, file, save_as=save_as))
        return answers[-1]

    yield ask
    # As Django's own test client does it: a finished request looks after the database, which these tests may not.
    request_finished.disconnect(close_old_connections)
    for answer in answers:
        answer.close()
    request_finished.connect(close_old_connections)


async def body(answer) -> bytes:
    if not answer.streaming:
        return answer.content
    return b"".join([piece async for piece in answer])


@pytest.mark.anyio
async def test_the_whole_file_without_a_range(get, file):
    answer = await get(file)

    assert answer.status_code == 200
    assert await body(answer) == CONTENT
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Type"] == "video/mp4"


@pytest.mark.anyio
async def test_a_long_file_comes_in_pieces(get, file):
    answer = await get(file)

    sizes = [len(piece) async for piece in answer]

    assert len(sizes) > 1
    assert max(sizes) <= 256 * 1024


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, len(CONTENT)),
        ("bytes=-5", len(CONTENT) - 5, len(CONTENT)),
        ("bytes=10-99999999", 10, len(CONTENT)),
        ("bytes=-99999999", 0, len(CONTENT)),
        ("bytes=262143-262145", 262143, 262146),
    ],
)
@pytest.mark.anyio
async def test_one_range_is_answered_with_those_bytes(get, file, asked, first, end):
    answer = await get(file, Range=asked)

    assert answer.status_code == 206
    assert await body(answer) == CONTENT[first:end]
    assert answer.headers["Content-Range"] == f"bytes {first}-{end - 1}/{len(CONTENT)}"
    assert answer.headers["Content-Length"] == str(end - first)


@pytest.mark.parametrize("asked", [f"bytes={len(CONTENT)}-", "bytes=-0"])
@pytest.mark.anyio
async def test_a_range_beyond_the_end_is_416_with_the_size(get, file, asked):
    answer = await get(file, Range=asked)

    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(CONTENT)}"


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=5-1",
        "bytes=-",
        "lines=1-2",
        "bytes=0-1,5-6",
        "bytes=a-b",
        "bytes=\u0661-\u0662",
        f"bytes={'9' * 5000}-",
    ],
)
def test_a_range_that_means_nothing_to_us_is_ignored(file, asked):
    assert parse_range(asked, 100) is None


def test_an_empty_file_has_no_range():
    assert parse_range("bytes=0-", 0) == "unsatisfiable"
    assert parse_range("bytes=-5", 0) == "unsatisfiable"


def test_the_last_byte_can_be_asked_for():
    assert parse_range("bytes=99-99", 100) == Span(99, 100)


@pytest.mark.anyio
async def test_an_unchanged_file_is_304_by_tag_and_by_date(get, file):
    first = await get(file)

    by_tag = await get(file, If_None_Match=first.headers["ETag"])
    by_date = await get(file, If_Modified_Since=first.headers["Last-Modified"])

    assert (by_tag.status_code, by_date.status_code) == (304, 304)
    assert by_tag.headers["ETag"] == first.headers["ETag"]


@pytest.mark.anyio
async def test_a_changed_file_is_sent_again(get, file):
    first = await get(file)
    file.write_bytes(b"other")

    again = await get(file, If_None_Match=first.headers["ETag"])

    assert again.status_code == 200
    assert await body(again) == b"other"


@pytest.mark.anyio
async def test_if_range_with_the_present_tag_or_date_gets_the_range(get, file):
    first = await get(file)

    by_tag = await get(file, Range="bytes=0-1", If_Range=first.headers["ETag"])
    by_date = await get(file, Range="bytes=0-1", If_Range=first.headers["Last-Modified"])

    assert (by_tag.status_code, by_date.status_code) == (206, 206)


@pytest.mark.anyio
async def test_if_range_with_an_old_tag_gets_the_whole_new_file(get, file):
    answer = await get(file, Range="bytes=0-1", If_Range='"old"')

    assert answer.status_code == 200
    assert await body(answer) == CONTENT


@pytest.mark.anyio
async def test_head_has_the_headers_and_no_body(get, file):
    answer = await get(file, method="HEAD", Range="bytes=0-1")

    assert answer.status_code == 200
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert await body(answer) == b""


@pytest.mark.anyio
async def test_no_file_and_a_folder_are_404(get, tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(Http404):
            await get(path)


@pytest.mark.anyio
async def test_a_file_to_save_is_named(get, file):
    answer = await get(file, save_as="mein Film ä.mp4")

    assert answer.headers["Content-Disposition"] == (
        "attachment; filename=\"mein Film _.mp4\"; filename*=UTF-8''mein%20Film%20%C3%A4.mp4"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("master.m3u8", "application/vnd.apple.mpegurl"),
        ("manifest.mpd", "application/dash+xml"),
        ("1.m4s", "video/iso.segment"),
        ("720.mp4", "video/mp4"),
        ("en.vtt", "text/vtt; charset=utf-8"),
        ("poster.JPG", "image/jpeg"),
        ("what.exe", "application/octet-stream"),
    ],
)
def test_players_are_told_what_they_get(name, expected):
    assert content_type_of(Path(name)) == expected


@pytest.mark.anyio
async def test_an_answer_that_nobody_reads_leaves_no_file_open(file):
    answer = await serve_file(AsyncRequestFactory().get("/"), file)
    open_files = {Path(link).resolve() for link in Path("/proc/self/fd").iterdir() if link.exists()}

    answer.close()

    assert file.resolve() in open_files
    assert file.resolve() not in {
        Path(link).resolve() for link in Path("/proc/self/fd").iterdir() if link.exists()
    }
