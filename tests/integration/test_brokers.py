"""`BROKER_URL` alone changes the broker: the same processes on RabbitMQ and on SQS, also after either was away."""

import contextlib
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from prometheus_client.parser import text_string_to_metric_families

from config.services import urls
from tests.eventually import eventually
from tests.harness import installed
from tests.harness.brokers import Broker, RabbitMQ, Sqs, need_rabbitmq
from tests.harness.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

# As Celery says it, on either transport.
RECONNECTS = "Cannot connect to"

ENQUEUE = """
from celery_ledger.asking.enqueueing import enqueue
print("JOB", enqueue("celery.accumulate", "x" * {length}))
"""


class Scene:
    """A stack on a broker of its own: web, a worker with its relay, and the exporter."""

    def __init__(self, folder: Path, broker: Broker) -> None:
        self.broker = broker
        with ThreadPoolExecutor() as beside:  # a node takes as long to start as a database
            started = beside.submit(broker.start)
            self.stack = Stack(folder, BROKER_URL=broker.url)
            started.result()
        self.stack.start("exporter", "-m", "config.exporter")
        self.start_worker("worker", wait=False)
        self.visitor = self.stack.start_web()
        self.await_worker("worker")
        eventually(lambda: self.sources() and all(self.sources().values()), within_seconds=30)

    def start_worker(self, name: str, *options: str, wait: bool = True) -> None:
        """Start a worker as one does in a terminal, as a rule with no option at all."""
        self.stack.start(name, "-m", "celery", "-A", "config", "worker", *options)
        if wait:
            self.await_worker(name)

    def await_worker(self, name: str) -> None:
        eventually(lambda: self.stack.is_running(name) and " ready." in self.stack.log(name), 40)

    def sources(self) -> dict[str, float]:
        return self._measured("offstage_exporter_up", "source")

    def lengths(self) -> dict[str, float]:
        return self._measured("celery_queue_length", "queue_name")

    def workers(self) -> dict[str, float]:
        """Return how many workers consume each queue."""
        return self._measured("celery_active_worker_count", "queue_name")

    def _measured(self, metric: str, label: str) -> dict[str, float]:
        assert self.stack.is_running("exporter")
        try:
            page = httpx.get(f"http://127.0.0.1:{self.stack.house.env.ports.exporter}/metrics", timeout=10)
        except httpx.TransportError:
            return {}
        families = text_string_to_metric_families(page.text)
        samples = [sample for family in families for sample in family.samples if sample.name == metric]
        return {sample.labels[label]: sample.value for sample in samples}

    def mails_to(self, address: str) -> int:
        return len(self.visitor.mails_to(address))


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory):
    need_rabbitmq()
    folder = tmp_path_factory.mktemp("rabbitmq")
    with playing(folder, RabbitMQ(folder / "broker")) as scene:
        yield scene


@pytest.fixture(scope="module")
def sqs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sqs")
    with playing(folder, Sqs(folder / "broker")) as scene:
        yield scene


@contextlib.contextmanager
def playing(folder: Path, broker: Broker) -> Iterator[Scene]:
    """One scene for all tests; every test leaves it working."""
    with contextlib.ExitStack() as ends:
        ends.callback(broker.close)
        scene = Scene(folder, broker)
        ends.callback(scene.stack.close)
        yield scene


@pytest.fixture(params=["rabbitmq", "sqs"])
def scene(request):
    return request.getfixturevalue(request.param)


def test_a_signup_is_mailed_once_and_a_film_gets_ready(scene, tmp_path):
    scene.visitor.join("owner@example.org")

    with a_film(tmp_path / "film.mp4").open("rb") as file:
        answer = scene.visitor.post("/api/videos", files={"file": ("film.mp4", file)})
    assert answer.status_code == 202, answer.text

    def settled() -> dict:
        video = scene.visitor.get(f"/api/videos/{answer.json()['id']}").json()
        return video if video["state"] in ("ready", "failed") else {}

    video = eventually(settled, within_seconds=90)
    assert video["state"] == "ready", video["error"]
    assert {step["attempts"] for step in video["steps"]} == {1}
    assert scene.mails_to("owner@example.org") == 1


def test_what_waits_in_the_broker_is_measured(scene):
    scene.stack.kill("worker", group=True)
    scene.stack.start_relay()

    for person in ("a", "b"):
        scene.visitor.sign_up(f"waiting-{person}@example.org")

    # A wake-up that nobody answers is sent again after two seconds: it may be more.
    eventually(lambda: scene.lengths().get("mail", 0) >= 2, within_seconds=20)
    assert {queue for queue, length in scene.lengths().items() if length} == {"mail"}
    scene.stack.kill("relay")
    scene.start_worker("worker")
    eventually(lambda: scene.lengths().get("mail") == 0, within_seconds=20)
    eventually(
        lambda: scene.mails_to("waiting-a@example.org") == scene.mails_to("waiting-b@example.org") == 1
    )


def test_a_worker_outlives_its_broker_and_consumes_again(scene):
    be_away(scene, "away@example.org", loses=False)


def test_queues_that_sqs_has_lost_are_made_again(sqs):
    be_away(sqs, "lost@example.org", loses=True)


def be_away(scene: Scene, address: str, *, loses: bool) -> None:
    """Take the broker away, sign up meanwhile, and bring it back: the mail comes, from the same worker."""
    known = scene.stack.log("worker").count(RECONNECTS)

    scene.broker.kill()
    scene.visitor.sign_up(address)
    eventually(lambda: scene.stack.log("worker").count(RECONNECTS) > known, within_seconds=30)
    assert scene.mails_to(address) == 0
    scene.broker.start(empty=loses)

    eventually(lambda: scene.mails_to(address) == 1, within_seconds=40)
    assert scene.stack.is_running("worker")
    eventually(lambda: all(scene.sources().values()), within_seconds=30)


def test_flower_starts(scene):
    url = f"http://127.0.0.1:{scene.stack.house.env.ports.flower}/healthcheck"
    scene.stack.start("flower", "-m", "celery", "-A", "config", "flower", f"--port={httpx.URL(url).port}")

    def answers() -> bool:
        assert scene.stack.is_running("flower")
        try:
            return httpx.get(url).text == "OK"
        except httpx.TransportError:
            return False

    eventually(answers, within_seconds=30)
    scene.stack.kill("flower")


def test_workers_are_started_in_as_many_terminals_as_one_likes(rabbitmq):
    rabbitmq.start_worker("another terminal")

    eventually(lambda: {*rabbitmq.workers().values()} == {2}, within_seconds=20)
    assert rabbitmq.stack.is_running("worker")
    assert rabbitmq.stack.is_running("another terminal")
    rabbitmq.stack.kill("another terminal", group=True)


def test_two_workers_of_one_name_both_become_ready(rabbitmq):
    for terminal in ("one terminal", "another terminal"):
        rabbitmq.start_worker(terminal, "-n", "twin@here")

    assert rabbitmq.stack.is_running("one terminal")
    assert rabbitmq.stack.is_running("another terminal")
    for terminal in ("one terminal", "another terminal"):
        rabbitmq.stack.kill(terminal, group=True)


def test_an_argument_longer_than_a_message_may_be_goes_round_the_broker(sqs):
    # SQS takes 1 MiB at most, and kombu makes nearly two bytes of one.
    enqueued = sqs.stack.house.run("manage.py", "shell", "-c", ENQUEUE.format(length=1_200_000))
    job = enqueued.stdout.rpartition("JOB ")[2].strip()
    assert job, enqueued.stderr

    with psycopg.connect(urls(sqs.stack.house.env).database, autocommit=True) as database:
        question = "select state, length(result::text) from celery_ledger_job where id = %s"
        eventually(lambda: database.execute(question, [job]).fetchone() == ("succeeded", 1_200_004))


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_machine_without_rabbitmq_is_told_what_is_missing(monkeypatch, ci, outcome):
    monkeypatch.setattr(installed, "SERVERS", ())
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("CI", ci)

    with pytest.raises(outcome, match="RabbitMQ is not installed: no rabbitmq-server"):
        need_rabbitmq()


def a_film(path: Path) -> Path:
    """Two seconds of a test picture with a tone."""
    command = [get_ffmpeg_exe(), "-hide_banner", "-v", "error", "-f", "lavfi"]
    command += ["-i", "testsrc2=size=160x90:rate=25:duration=2", "-f", "lavfi", "-i", "sine=duration=2"]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path
