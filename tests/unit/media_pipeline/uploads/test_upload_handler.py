"""Off the wire: to disk, within the limit, in little memory."""

import os
import subprocess
import sys
from io import BytesIO

import pytest
from django.conf import settings
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParser

from media_pipeline.errors import NoRoom, UnusableUpload
from media_pipeline.uploads.upload_handler import VideoUploadHandler

BOUNDARY = "x" * 20


def body_of(*parts: tuple[str, bytes]) -> bytes:
    pieces = []
    for name, content in parts:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="a.mp4"\r\n'
        pieces.append(head.encode() + b"Content-Type: video/mp4\r\n\r\n" + content + b"\r\n")
    return b"".join(pieces) + f"--{BOUNDARY}--\r\n".encode()


def parse(body, length: int | None = None):
    request = HttpRequest()
    meta = {
        "CONTENT_TYPE": f"multipart/form-data; boundary={BOUNDARY}",
        "CONTENT_LENGTH": length or len(body),
    }
    stream = BytesIO(body) if isinstance(body, bytes) else body
    return MultiPartParser(meta, stream, [VideoUploadHandler(request)]).parse()[1]


def left_behind() -> list[str]:
    return [path.name for path in settings.UPLOAD_FOLDER.iterdir()]


def test_a_film_lands_in_the_upload_folder_without_its_ending():
    files = parse(body_of(("file", b"\x00film")))

    film = files["file"]
    assert film.read() == b"\x00film"
    assert film.size == 5
    assert [name.endswith(".upload") for name in left_behind()] == [True]
    film.close()
    assert left_behind() == []


def test_a_full_disk_says_so_and_leaves_nothing():
    handler = VideoUploadHandler(HttpRequest())
    handler.new_file("file", "a.mp4", "video/mp4", None)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, handler.film.fileno())
    os.close(full)

    with pytest.raises(NoRoom) as refusal:
        handler.receive_data_chunk(b"x" * handler.chunk_size, 0)

    assert refusal.value.status == 507
    assert left_behind() == []


def test_a_length_over_the_limit_is_refused_before_a_byte_is_read(settings):
    settings.VIDEO_MAX_BYTES = 1000
    stream = BytesIO(b"")

    with pytest.raises(UnusableUpload, match="larger than the 1000 bytes"):
        parse(stream, length=1000 + 2 * 1024 * 1024)

    assert left_behind() == []


def test_a_film_that_turns_out_too_large_is_stopped_and_removed(settings):
    settings.VIDEO_MAX_BYTES = 3 * 1024 * 1024

    with pytest.raises(UnusableUpload, match="larger"):
        parse(body_of(("file", b"\x01" * (4 * 1024 * 1024))), length=100)

    assert left_behind() == []


@pytest.mark.parametrize("names", [("file", "file"), ("poster",)])
def test_there_is_one_file_in_one_field(names):
    with pytest.raises(UnusableUpload, match="one video"):
        parse(body_of(*((name, b"\x00") for name in names)))


def test_a_connection_that_breaks_leaves_nothing():
    whole = body_of(("file", b"\x00" * 100_000))

    class Breaking(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            piece = super().read(size)
            if not piece:
                raise ConnectionResetError
            return piece

    with pytest.raises(ConnectionResetError):
        parse(Breaking(whole[:50_000]), length=len(whole))

    assert left_behind() == []


@pytest.mark.slow
def test_memory_does_not_grow_with_the_film(tmp_path):
    """300 MB through the handler, in a process of its own."""
    script = """
import resource, sys
import django
django.setup()
from django.conf import settings
from pathlib import Path
settings.UPLOAD_FOLDER = Path(sys.argv[1])
from tests.unit.media_pipeline.uploads.test_upload_handler import Endless, parse
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
video = parse(Endless(300), length=300 * 1024 * 1024)["file"]
print(video.size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
video.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True, timeout=100
    )

    size, kilobytes = map(int, done.stdout.split()[-2:])
    assert size == 300 * 1024 * 1024
    assert kilobytes < 30 * 1024


class Endless:
    """A multipart body of so many megabytes that is never held."""

    def __init__(self, megabytes: int) -> None:
        whole = body_of(("file", b""))
        cut = whole.index(b"\r\n\r\n") + 4
        self._pieces = iter([whole[:cut], *([b"\x00" * 65536] * (16 * megabytes)), whole[cut:]])
        self._rest = b""

    def read(self, size: int = 65536) -> bytes:
        while len(self._rest) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._rest += piece
        out, self._rest = self._rest[:size], self._rest[size:]
        return out
