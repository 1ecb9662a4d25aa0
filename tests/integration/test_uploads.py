"""Resumable uploads through a real web process: a client that is not ours, broken lines, a server that is killed."""

import random
import signal
import socket
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed
from tusclient.uploader import Uploader

from tests.eventually import eventually
from tests.harness.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

POOL = 2
SILENCE_SECONDS = 2
MIB = 1024 * 1024
VERSION = {"Tus-Resumable": "1.0.0"}
BYTES = {"Content-Type": "application/offset+octet-stream"}

ROWS = """
from django.utils import timezone
from knox.models import AuthToken
from accounts.models import User
owner = User.objects.create_user("owner@example.org", "correct horse battery", verified_at=timezone.now())
print("ROWS", AuthToken.objects.create(owner)[1])
"""

EXPIRE = """
from datetime import timedelta
from django.utils import timezone
from media_pipeline.models import Upload
long_ago = timezone.now() - timedelta(days=2)
Upload.objects.filter(pk="{id}").update(created_at=long_ago, expires_at=long_ago + timedelta(days=1))
"""

SWEEP = """
from django.utils import timezone
from media_pipeline.removal import sweep
sweep.sweep(timezone.now())
"""


class Site:
    """A web process with few database connections and little patience, and a user who uploads."""

    def __init__(self, folder: Path) -> None:
        limits = {"UPLOAD_SILENCE_SECONDS": str(SILENCE_SECONDS), "UPLOAD_MAX_OPEN": "100"}
        self.stack = Stack(folder, DATABASE_POOL_SIZE=str(POOL), **limits)
        self.headers = {"Authorization": f"Bearer {self.run(ROWS).rpartition('ROWS ')[2].strip()}"}
        self.owner = self.start()
        self.owner.headers.update(self.headers)
        self.client = TusClient(f"{self.stack.url}/api/uploads", headers=self.headers)

    def start(self) -> httpx.Client:
        return self.stack.start_web()

    def run(self, script: str) -> str:
        done = self.stack.house.run("manage.py", "shell", "-c", script)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def begin(self, length: int) -> str:
        answer = self.owner.post("/api/uploads", headers={**VERSION, "Upload-Length": str(length)})
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"]

    def offset(self, url: str) -> int:
        answer = self.owner.head(url, headers=VERSION)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["Upload-Offset"])

    def patch(self, url: str, offset: int, content) -> httpx.Response:
        headers = {**VERSION, **BYTES, "Upload-Offset": str(offset)}
        return httpx.patch(url, headers={**self.headers, **headers}, content=content, timeout=60)

    def file(self, url: str) -> Path:
        return self.stack.house.data / "uploads" / f"resumable-{url.rpartition('/')[2]}"

    def resume(self, url: str, film: Path, **options) -> Uploader:
        """Upload the rest as tuspy does: ask for the offset, and go on from there."""
        with film.open("rb") as stream:  # tuspy itself leaves the files open that it opens
            uploader = self.client.uploader(file_stream=stream, url=url, **options)
            uploader.upload()
        return uploader

    def make_video(self, url: str) -> bytes:
        """Make a video of the upload, and return what it was made of."""
        answer = self.owner.post("/api/videos", json={"upload": url.rpartition("/")[2]})
        assert answer.status_code == 202, answer.text
        assert answer.json()["state"] == "queued"
        return (self.stack.house.data / "media" / answer.json()["id"] / "source").read_bytes()


class Line:
    """A PATCH whose body comes as slowly as the test wants, or never ends."""

    def __init__(self, site: Site, url: str, offset: int, length: int) -> None:
        parts = urlsplit(url)
        headers = {
            **site.headers,
            **VERSION,
            **BYTES,
            "Host": parts.netloc,
            "Upload-Offset": str(offset),
            "Content-Length": str(length),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=20)
        self.socket.sendall(f"PATCH {parts.path} HTTP/1.1\r\n{head}\r\n".encode())

    def send(self, content: bytes) -> None:
        self.socket.sendall(content)

    def answer(self) -> tuple[int, bytes]:
        """Wait for the answer, and hang up."""
        answer = HTTPResponse(self.socket, method="PATCH")
        answer.begin()
        body = answer.read()
        answer.close()
        self.cut()
        return answer.status, body

    def cut(self) -> None:
        self.socket.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    built = Site(tmp_path_factory.mktemp("site"))
    yield built
    built.stack.close()


@pytest.fixture
def film(tmp_path):
    """A file that begins like a video."""
    path = tmp_path / "film.mp4"
    path.write_bytes(b"\x00\x00\x00\x18ftypisom" + random.Random(1).randbytes(9 * MIB))
    return path


def pieces(content: bytes, start: int = 0):
    return (content[at : at + 65_536] for at in range(start, len(content), 65_536))


@pytest.mark.parametrize(
    "options", [{}, {"chunk_size": 4 * MIB}, {"chunk_size": 4 * MIB, "upload_checksum": True}]
)
def test_a_client_that_is_not_ours_uploads_a_film(site, film, options):
    with film.open("rb") as stream:
        uploader = site.client.uploader(file_stream=stream, metadata={"filename": "film.mp4"}, **options)
        uploader.upload()

    assert uploader.offset == film.stat().st_size
    assert site.make_video(uploader.url) == film.read_bytes()
    with pytest.raises(TusCommunicationError) as gone:
        uploader.get_offset()
    assert gone.value.status_code == 410


def test_a_server_killed_in_the_middle_keeps_what_it_promised(site, film):
    content = film.read_bytes()
    url = site.begin(len(content))
    line, left = Line(site, url, 0, len(content)), pieces(content)

    def saved() -> int:
        line.send(next(left))
        return site.offset(url)

    promised = eventually(saved)
    site.stack.kill("web", signal.SIGKILL)
    line.cut()
    on_disk = site.file(url).read_bytes()
    site.start()

    assert 0 < promised < len(content)
    assert site.offset(url) >= promised
    assert on_disk[: site.offset(url)] == content[: site.offset(url)]
    site.resume(url, film)
    assert site.make_video(url) == content


def test_a_line_that_breaks_costs_only_what_was_on_it(site, film):
    content = film.read_bytes()
    url = site.begin(len(content))
    line = Line(site, url, 0, len(content))
    for _, piece in zip(range(100), pieces(content), strict=False):
        line.send(piece)

    line.cut()
    kept = eventually(lambda: site.offset(url))

    # A server may lose what it had received and not yet handed on.
    assert 99 * 65_536 - 512 * 1024 <= kept <= 100 * 65_536
    assert site.file(url).read_bytes()[:kept] == content[:kept]
    assert site.resume(url, film).offset == len(content)
    assert site.make_video(url) == content


def test_a_client_that_falls_silent_makes_way(site, film):
    content = film.read_bytes()
    url = site.begin(len(content))
    line = Line(site, url, 0, len(content))
    line.send(content[:1000])
    eventually(lambda: site.file(url).stat().st_size == 1000)

    busy = site.patch(url, 0, content)
    status, body = line.answer()

    assert busy.status_code == 423
    assert (status, site.offset(url)) == (408, 1000)
    assert b"offset" in body
    site.resume(url, film)
    assert site.make_video(url) == content


def test_of_many_at_once_one_writes(site):
    count, length = 8, 4 * MIB
    url = site.begin(length)
    lines = [Line(site, url, 0, length) for _ in range(count)]

    for _ in range(0, length, 65_536):
        for number, line in enumerate(lines):
            line.send(bytes([number]) * 65_536)
    statuses = [line.answer()[0] for line in lines]

    winner = statuses.index(204)
    assert set(statuses[:winner] + statuses[winner + 1 :]) <= {409, 423}, statuses
    assert site.offset(url) == length
    assert site.file(url).read_bytes() == bytes([winner]) * length


def test_a_wrong_checksum_gets_460_and_the_client_goes_on(site, film):
    class Careless(Uploader):
        """Adds up something else than it sends."""

        @property
        def checksum_algorithm(self):
            right = super().checksum_algorithm
            return lambda chunk: right(chunk[1:])

    with film.open("rb") as stream:
        careless = Careless(file_stream=stream, client=site.client, chunk_size=MIB, upload_checksum=True)
        with pytest.raises(TusUploadFailed) as refusal:
            careless.upload()

    assert refusal.value.status_code == 460
    assert site.offset(careless.url) == 0
    site.resume(careless.url, film, chunk_size=MIB, upload_checksum=True)
    assert site.make_video(careless.url) == film.read_bytes()


def test_more_uploads_than_connections_leave_the_site_answering(site):
    urls = [site.begin(10 * MIB) for _ in range(POOL + 2)]
    lines = [Line(site, url, 0, 10 * MIB) for url in urls]

    def are_all_under_way() -> bool:
        for line in lines:
            line.send(bytes(1000))
        return all(site.file(url).stat().st_size for url in urls)

    eventually(are_all_under_way)
    assert site.owner.get("/api/account").status_code == 200

    for line in lines:
        line.cut()


def test_a_large_body_is_not_held_in_memory(site):
    length = 256 * MIB
    url = site.begin(length)
    web = psutil.Process(site.stack.parts["web"].pid)
    before, seen = web.memory_info().rss, []

    def body():
        for number in range(256):
            seen.append(web.memory_info().rss)
            yield bytes([number]) * MIB

    assert site.patch(url, 0, body()).status_code == 204

    assert max(seen) - before < 32 * MIB
    assert site.offset(url) == length
    # Nor anywhere else on the way: the one file is all there is of it.
    assert site.owner.delete(url, headers=VERSION).status_code == 204
    others = [path for path in site.file(url).parent.iterdir() if path.stat().st_size >= length]
    assert others == []


def test_an_upload_whose_time_is_up_is_gone_and_then_unknown(site):
    url = site.begin(100)
    site.patch(url, 0, bytes(50))

    site.run(EXPIRE.format(id=url.rpartition("/")[2]))
    expired = site.owner.head(url, headers=VERSION).status_code
    site.run(SWEEP)

    assert expired == 410
    assert site.owner.head(url, headers=VERSION).status_code == 404
    assert not site.file(url).exists()
