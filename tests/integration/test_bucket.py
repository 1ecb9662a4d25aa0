"""Web and worker on machines that share nothing but database, broker and bucket: each has a data folder of its own."""

import subprocess
from pathlib import Path
from urllib.parse import urljoin

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from config import services
from tests.eventually import eventually
from tests.harness.house import House
from tests.harness.moto import S3
from tests.harness.stack import QUICK, Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PASSWORD = "correct horse battery"
MAKE_USER = f"""
from accounts.models import User
from django.utils import timezone
from knox.models import AuthToken
user = User.objects.create_user("owner@example.org", "{PASSWORD}", verified_at=timezone.now())
print("TOKEN", AuthToken.objects.create(user)[1])
"""
UNFINISHED = """
from celery_ledger.models import Job
from celery_ledger.states import UNFINISHED
print("LEFT", Job.objects.filter(state__in=UNFINISHED, name__startswith="media_pipeline.").count())
"""
WORDS = "1\n00:00:00,500 --> 00:00:02,000\nNothing is shared but the bucket.\n"


@pytest.fixture
def s3(tmp_path):
    with S3(tmp_path / "s3") as server:
        yield server


@pytest.fixture
def web(tmp_path, s3):
    """The web's machine, with the services that both use."""
    stack = Stack(tmp_path / "web", STORAGE_URL=s3.url, SECRET_KEY="both have it", VIDEO_CHUNK_SECONDS="4")
    yield stack
    stack.close()


@pytest.fixture
def worker(tmp_path, web, s3):
    """The worker's machine."""
    shared = services.urls(web.house.env)
    house = House(
        tmp_path / "worker",
        **{
            **QUICK,
            "DATABASE_URL": shared.database,
            "CACHE_URL": shared.cache,
            "BROKER_URL": shared.broker,
            "EMAIL_URL": f"smtp://127.0.0.1:{web.house.variables['MAIL_PORT']}",
            "STORAGE_URL": s3.url,
            "SECRET_KEY": "both have it",
            "VIDEO_CHUNK_SECONDS": "4",
        },
    )
    with (tmp_path / "worker.log").open("wb") as log:
        command = ("-m", "celery", "-A", "config", "-q", "worker", "--concurrency", "2")
        house.start(*command, stdout=log, stderr=subprocess.STDOUT)
    yield house
    house.close()


@pytest.fixture
def owner(web, worker):
    """Somebody who is logged in."""
    visitor = web.start_web()
    made = web.house.run("manage.py", "shell", "-c", MAKE_USER)
    visitor.headers["Authorization"] = f"Bearer {made.stdout.rpartition('TOKEN ')[2].strip()}"
    return visitor


def a_film_with_words(folder: Path, *, seconds: int = 8, size: str = "320x180") -> Path:
    """A video with a text track, so that no model has to listen."""
    words, film = folder / "words.srt", folder / "film.mp4"
    words.write_text(WORDS)
    command = [get_ffmpeg_exe(), "-hide_banner", "-v", "error", "-y"]
    command += ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration={seconds}"]
    command += ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}", "-i", str(words)]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    command += ["-c:s", "mov_text", "-metadata:s:s:0", "language=eng", str(film)]
    subprocess.run(command, check=True, timeout=60)
    return film


def references(playlist: str, text: str) -> list[str]:
    """Return the URLs that a playlist refers to."""
    lines = text.splitlines()
    plain = [line for line in lines if line and not line.startswith("#")]
    quoted = [line.split('URI="')[1].split('"')[0] for line in lines if 'URI="' in line]
    return [urljoin(playlist, each) for each in [*plain, *quoted]]


def files_of(house: House, video_id: str) -> set[str]:
    folder = house.data / "media" / video_id
    return {path.relative_to(folder).parts[0] for path in folder.rglob("*") if path.is_file()}


def upload(owner, film: Path) -> str:
    with film.open("rb") as file:
        answer = owner.post("/api/videos", files={"file": ("film.mp4", file)})
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def test_a_film_is_made_on_one_machine_and_served_by_another(owner, web, worker, s3, tmp_path):
    video_id = upload(owner, a_film_with_words(tmp_path))
    sent = s3.objects()

    def ended() -> dict | None:
        video = owner.get(f"/api/videos/{video_id}").json()
        return video if video["state"] in {"ready", "failed"} else None

    video = eventually(ended, within_seconds=150)

    assert f"{video_id}/source" in sent
    assert video["state"] == "ready", video["error"]
    assert files_of(web.house, video_id) == {"source"}
    assert files_of(worker, video_id) == {"source", "output"}
    outputs = video["outputs"]
    hls = owner.get(outputs["hls"])
    playlists = references(outputs["hls"], hls.text)
    segments = [each for playlist in playlists for each in references(playlist, owner.get(playlist).text)]
    assert hls.text.startswith("#EXTM3U")
    assert len(segments) > 4
    for url in [
        *segments,
        outputs["dash"],
        outputs["poster"],
        outputs["storyboard"],
        outputs["mp4"][0]["url"],
    ]:
        assert owner.get(url).status_code == 200, url
    assert "Nothing is shared" in owner.get(outputs["subtitles"][0]["url"]).text
    part = owner.get(outputs["mp4"][0]["url"], headers={"Range": "bytes=0-99"})
    assert (part.status_code, len(part.content)) == (206, 100)

    begun = owner.request("DELETE", "/api/account", json={"password": PASSWORD})
    assert begun.status_code == 202, begun.text
    del owner.headers["Authorization"]

    def erased() -> dict | None:
        told = owner.get(begun.json()["status_url"]).json()
        return told if told["state"] == "done" else None

    steps = {step["name"]: step["deleted"] for step in eventually(erased, within_seconds=60)["steps"]}
    assert steps["files"] == 1
    assert steps["assets"] == len(outputs["mp4"]) + len(outputs["thumbnails"]) + 5
    eventually(lambda: not [key for key in s3.objects() if not key.startswith(".readyz/")], within_seconds=20)
    assert files_of(worker, video_id) == set()


def test_a_film_that_is_deleted_while_a_worker_is_at_it_stays_deleted(owner, web, worker, s3, tmp_path):
    video_id = upload(owner, a_film_with_words(tmp_path, seconds=24, size="854x480"))
    eventually(lambda: [key for key in s3.objects() if "/work/chunk-" in key], within_seconds=60)

    assert owner.delete(f"/api/videos/{video_id}").status_code == 204

    # Once no job is left, nothing can come after.
    eventually(lambda: web.house.run("manage.py", "shell", "-c", UNFINISHED).stdout.endswith("LEFT 0\n"), 60)
    assert [key for key in s3.objects() if key.startswith(video_id)] == []
    assert files_of(worker, video_id) == set()
