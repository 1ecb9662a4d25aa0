"""A house with a web process and a worker, for tests of whole videos."""

import json
import subprocess
from pathlib import Path

import httpx
import psutil
from imageio_ffmpeg import get_ffmpeg_exe

from tests.eventually import eventually
from tests.harness.house import House

MAKE_USER = """
from accounts.models import User
from django.utils import timezone
from knox.models import AuthToken
user = User.objects.create_user("{email}", "correct horse battery", verified_at=timezone.now())
print("TOKEN", AuthToken.objects.create(user)[1])
"""


class Studio:
    """A house with a web process and a worker, and a user who uploads videos."""

    def __init__(self, folder: Path, **variables: str) -> None:
        given = {"VIDEO_CHUNK_SECONDS": "4", "JOB_LEASE_SECONDS": "5", "WORKER_CONCURRENCY": "2", **variables}
        self.house = House(folder, **given)
        self.logs = folder / "worker.log"
        migrated = self.house.run("manage.py", "migrate", "--verbosity", "0", timeout=120)
        assert migrated.returncode == 0, migrated.stderr
        self.base = f"http://127.0.0.1:{self.house.variables['WEB_PORT']}"
        self.house.start("-m", "config.web_server")
        self.worker = self.start_worker()
        self.owner = self.client("owner@example.org")
        eventually(self._answers, within_seconds=30)

    def start_worker(self) -> subprocess.Popen[bytes]:
        command = ("-m", "celery", "-A", "config", "worker", "--concurrency", "2", "--loglevel", "INFO")
        with self.logs.open("ab") as log:
            return self.house.start(*command, stdout=log, stderr=subprocess.STDOUT)

    def client(self, email: str) -> httpx.Client:
        made = self.house.run("manage.py", "shell", "-c", MAKE_USER.format(email=email))
        token = made.stdout.rpartition("TOKEN ")[2].strip()
        assert token, made.stderr
        return httpx.Client(base_url=self.base, headers={"Authorization": f"Bearer {token}"}, timeout=30)

    def upload(self, film: Path) -> str:
        with film.open("rb") as file:
            answer = self.owner.post("/api/videos", files={"file": ("film.mp4", file)})
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def video(self, video_id: str) -> dict:
        return self.owner.get(f"/api/videos/{video_id}").json()

    def when(self, video_id: str, *states: str, within_seconds: float = 120) -> dict:
        def there() -> dict | None:
            video = self.video(video_id)
            return video if video["state"] in states else None

        return eventually(there, within_seconds)

    def encoded_chunks(self, video_id: str) -> list[int]:
        """Return the numbers of the chunks that were encoded, one for each time."""
        lines = self.logs.read_text(errors="replace").splitlines()
        events = [json.loads(line) for line in lines if '"chunk_encoded"' in line and line.startswith("{")]
        return [event["number"] for event in events if event["video_id"] == video_id]

    def folder(self, video_id: str) -> Path:
        return self.house.data / "media" / video_id

    def encoders(self) -> list[psutil.Process]:
        """Return the worker's ffmpeg processes that encode pieces."""
        return [
            each
            for each in self.house.processes()
            if "pieces/" in " ".join(_words(each)) and "ffmpeg" in _words(each)[0]
        ]

    def close(self) -> None:
        self.owner.close()
        self.worker.terminate()
        self.worker.wait(30)
        self.house.close()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.base}/healthz").status_code == 200
        except httpx.TransportError:
            return False


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline() or [""]
    except psutil.Error:
        return [""]


def a_film(path: Path, *, seconds: int, size: str = "320x180", sound: bool = True) -> Path:
    command = [get_ffmpeg_exe(), "-hide_banner", "-v", "error", "-y"]
    command += ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration={seconds},noise=alls=20:allf=t"]
    if sound:
        command += ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}", "-c:a", "aac"]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p", str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path
