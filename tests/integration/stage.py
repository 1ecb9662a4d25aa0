"""The ledger with real processes around it: a broker of the test's own, workers and relays on the test database."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import redis
from celery import current_app
from django.db import connection

from celery_ledger.models import Job
from config.env import ROOT
from config.services.valkey import _binary as valkey_binary
from tests.eventually import eventually
from tests.harness.house import House

LEASE_SECONDS = 3
REPUBLISH_SECONDS = 2
QUICK = {
    "JOB_LEASE_SECONDS": str(LEASE_SECONDS),
    "JOB_RETRY_BASE_SECONDS": "0.2",
    "JOB_REPUBLISH_SECONDS": str(REPUBLISH_SECONDS),
    "JOB_POLL_SECONDS": "0.5",
}
SETTINGS = "tests.integration.testtasks.settings"
STOCK_SETTINGS = "tests.integration.stockbeat.settings"
STOCK_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"


class Broker:
    """A Valkey that a test may kill, freeze and empty."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "valkey.sock"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis+socket://{quote(str(self.socket))}?virtual_host=0"

    @property
    def cache_url(self) -> str:
        return f"unix://{quote(str(self.socket))}?db=1"

    def client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.socket))

    def start(self) -> None:
        command = [str(valkey_binary()), "--port", "0", "--unixsocket", str(self.socket), "--save", ""]
        self._process = subprocess.Popen([*command, "--dir", str(self._folder)], stdout=subprocess.DEVNULL)
        eventually(self._answers)

    def freeze(self) -> None:
        """Let it accept connections and answer nobody."""
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """End it at once; all that it held is gone."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
        self._process = None

    def empty(self) -> None:
        with self.client() as client:
            client.flushall()

    def unacknowledged(self) -> int:
        with self.client() as client:
            return int(client.hlen("unacked"))

    def waiting(self, queue: str) -> int:
        with self.client() as client:
            return int(client.llen(queue))

    def headers_in(self, queue: str) -> list[dict[str, Any]]:
        """Return the headers of each message that waits, oldest first."""
        with self.client() as client:
            return [json.loads(message)["headers"] for message in reversed(client.lrange(queue, 0, -1))]

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


class Worker:
    """A worker process with its pool and its relay."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    @property
    def pid(self) -> int:
        return self.process.pid

    def relays(self) -> list[psutil.Process]:
        return [child for child in self._children() if "relay" in _command(child)]

    def pool(self) -> list[psutil.Process]:
        return [child for child in self._children() if "relay" not in _command(child)]

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        return " ready." in self.log.read_text()

    def _children(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.pid).children()
        except psutil.NoSuchProcess:
            return []


class Stage:
    """Broker, workers and relays of one test, ended with it."""

    worker: Worker

    def __init__(self, folder: Path, **variables: str) -> None:
        self.broker = Broker(folder)
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self._house = House(
            folder,
            DATABASE_URL=database_url(),
            BROKER_URL=self.broker.url,
            CACHE_URL=self.broker.cache_url,
            EMAIL_URL="smtp://127.0.0.1:1",
            LOG_LEVEL="info",
            LOG_FORMAT="json",
            **{**QUICK, **variables},
        )

    def start_worker(
        self, *arguments: str, concurrency: int = 2, ready: bool = True, **variables: str
    ) -> Worker:
        name = f"w{len(self._processes)}"
        log = self._folder / f"{name}.log"
        command = ["-m", "celery", "-A", "config", "worker", "-n", f"{name}@stage", "-c", str(concurrency)]
        options = ("--without-mingle", "--without-gossip", *arguments)
        worker = Worker(self._start(log, *command, *options, **variables), log)
        if ready:
            eventually(worker.is_ready, within_seconds=30)
        return worker

    def start_relay(self, **variables: str) -> subprocess.Popen[bytes]:
        log = self._folder / f"relay{len(self._processes)}.log"
        return self._start(log, "-m", "django", "relay", **variables)

    def start_beat(self) -> subprocess.Popen[bytes]:
        return self._start(self._folder / "beat.log", "-m", "celery", "-A", "config", "-q", "beat")

    def start_stock_beat(self) -> subprocess.Popen[bytes]:
        """Start django-celery-beat's own scheduler on the rows of its own schema, without anything of ours."""
        command = (
            "-m",
            "celery",
            "-A",
            "tests.integration.stockbeat.app",
            "beat",
            "-l",
            "INFO",
            "-S",
            STOCK_SCHEDULER,
        )
        return self._start(self._folder / "stock.log", *command, DJANGO_SETTINGS_MODULE=STOCK_SETTINGS)

    def migrate_stock_beat(self) -> None:
        """Create its tables, in a schema that must exist."""
        command = ("-m", "django", "migrate", "-v", "0")
        migrating = self._start(self._folder / "stock.log", *command, DJANGO_SETTINGS_MODULE=STOCK_SETTINGS)
        assert migrating.wait(60) == 0

    def logs(self) -> str:
        return "".join(log.read_text() for log in self._folder.glob("*.log"))

    def close(self) -> None:
        for process in self._processes:
            end(process)
        self.broker.kill()
        for log in self._folder.glob("*.log"):
            # What pytest shows where a test has failed.
            print(f"--- {log.name}", log.read_text()[-6000:], sep="\n")  # noqa: T201

    def _start(self, log: Path, *command: str, **variables: str) -> subprocess.Popen[bytes]:
        environ = {**self._house.environ, "DJANGO_SETTINGS_MODULE": SETTINGS, **variables}
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, *command],
                env=environ,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._processes.append(process)
        return process


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it has started, whatever state they are in."""
    family = [process]
    with suppress(psutil.NoSuchProcess):
        family += psutil.Process(process.pid).children(recursive=True)
    for member in family:
        _kill(member)
    process.wait()


@contextmanager
def broker_of_this_process(url: str) -> Iterator[None]:
    """Make the test's own process speak to another broker than its session's."""
    conf, former = current_app.conf, current_app.conf.broker_url
    try:
        conf.broker_url = url
        current_app._after_fork()  # drops the pools of connections
        yield
    finally:
        conf.broker_url = former
        current_app._after_fork()


@contextmanager
def broker_that_nobody_calls() -> Iterator[None]:
    """Make the test's own process speak to a broker that never answers; a call of it fails the test."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.setblocking(False)
        with broker_of_this_process(f"redis://127.0.0.1:{door.getsockname()[1]}/0"):
            yield
        with suppress(BlockingIOError):
            door.accept()[0].close()
            raise AssertionError("the broker was called")


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it has just ended
        return []


def _kill(process: subprocess.Popen[bytes] | psutil.Process) -> None:
    try:
        process.kill()
    except (ProcessLookupError, psutil.NoSuchProcess):
        return


def state_of(job_id: str) -> str:
    return Job.objects.values_list("state", flat=True).get(pk=job_id)


def settled(*job_ids: str, as_: str = "succeeded", within_seconds: float = 20) -> list[Job]:
    """Wait until the jobs are in this state, and return them."""

    def jobs() -> list[Job]:
        rows = {str(job.pk): job for job in Job.objects.filter(pk__in=job_ids)}
        assert len(rows) == len(set(job_ids))
        assert {str(job.state) for job in rows.values()} == {as_}, [
            (j.name, j.state, j.error) for j in rows.values()
        ]
        return [rows[job_id] for job_id in job_ids]

    return eventually(jobs, within_seconds)


def running_in(job_id: str) -> int:
    """Wait until a worker runs the job, and return the number of its process."""

    def process() -> int:
        job = Job.objects.get(pk=job_id)
        return int(job.worker.rsplit("/", 1)[1]) if job.state == "running" else 0

    return eventually(process, within_seconds=20)


def holds(predicate: Callable[[], bool], for_seconds: float) -> bool:
    """Watch that the predicate stays true all the time."""
    try:
        eventually(lambda: not predicate(), within_seconds=for_seconds)
    except AssertionError:
        return True
    return False


def database_url() -> str:
    database = connection.settings_dict
    host = quote(str(database["HOST"]), safe="")
    port = f"&port={database['PORT']}" if database["PORT"] else ""
    return f"postgresql://{database['USER']}@/{database['NAME']}?host={host}{port}"
