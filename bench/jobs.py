"""Jobs through the ledger beside bare Celery `acks_late`, on the same Valkey in the same run."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import django
import redis
from django.conf import settings
from django.core.management import call_command
from django.db import transaction

from bench.row import Row
from config import env
from config.services import ensure

JOBS = 2000
ROUNDS = 1
SINGLE_JOBS = 50
PROCESSES = 2


def main() -> None:
    """Print the rows as JSON."""
    env.select_settings()
    ensure(env.load())
    django.setup()
    call_command("migrate", verbosity=0)
    import bench.tasks  # noqa: F401, PLC0415 - declares the task in this process; needs Django set up

    figures = [_round() for _ in range(ROUNDS)]
    middle = {key: statistics.median(figure[key] for figure in figures) for key in figures[0]}
    rows = [
        Row(
            what="ask for a job, in one transaction of 2,000",
            unit="jobs/s",
            ours=middle["our_asking"],
            baseline=middle["bare_asking"],
        ),
        Row(
            what="drain 2,000 queued jobs, 2 processes",
            unit="jobs/s",
            ours=middle["our_drain"],
            baseline=middle["bare_drain"],
        ),
        Row(
            what="from commit to done, idle worker",
            unit="ms",
            ours=middle["our_wait"],
            baseline=middle["bare_wait"],
        ),
    ]
    print(json.dumps(rows))


def _round() -> dict[str, float]:
    return {**_ours(), **_bare()}


def _ours() -> dict[str, float]:
    from jobs.enqueue import enqueue  # noqa: PLC0415 - needs Django set up
    from jobs.models import Job  # noqa: PLC0415
    from jobs.states import JobState  # noqa: PLC0415

    def unfinished() -> bool:
        return Job.objects.exclude(state=JobState.SUCCEEDED).exists()

    asked_at = time.perf_counter()
    with transaction.atomic():
        for _ in range(JOBS):
            enqueue("bench.nothing")
    asking = JOBS / (time.perf_counter() - asked_at)
    with _worker("bench.app"):
        drain = _drain(unfinished, lambda: Job.objects.filter(state=JobState.SUCCEEDED).count())
        wait = _wait(lambda: _once(lambda: enqueue("bench.nothing"), unfinished))
    Job.objects.all().delete()
    return {"our_asking": asking, "our_drain": drain, "our_wait": wait}


def _bare() -> dict[str, float]:
    from bench.bare import nothing  # noqa: PLC0415 - needs the settings

    broker = redis.Redis(unix_socket_path=settings.BROKER_URL.split("://")[1].split("?")[0])

    broker.flushdb()  # what a worker of the round before left unacknowledged

    def unfinished() -> bool:
        return bool(broker.llen("bare") or broker.hlen("unacked"))

    asked_at = time.perf_counter()
    for _ in range(JOBS):
        nothing.delay()
    asking = JOBS / (time.perf_counter() - asked_at)
    with _worker("bench.bare"):
        drain = _drain(unfinished, lambda: JOBS - broker.llen("bare"))
        wait = _wait(lambda: _once(nothing.delay, unfinished))
    return {"bare_asking": asking, "bare_drain": drain, "bare_wait": wait}


@contextmanager
def _worker(app: str) -> Iterator[None]:
    command = [sys.executable, "-m", "celery", "-A", app, "worker", "-c", str(PROCESSES), "-l", "ERROR"]
    worker = subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(30)


def _drain(unfinished: Callable[[], bool], done: Callable[[], int]) -> float:
    """Return jobs per second from the first one done to the last; the worker's own start is not counted."""
    _until(lambda: done() > 0)
    first, started_at = done(), time.perf_counter()
    _until(lambda: not unfinished())
    return (JOBS - first) / (time.perf_counter() - started_at)


def _wait(once: Callable[[], float]) -> float:
    return 1000 * statistics.median(once() for _ in range(SINGLE_JOBS))


def _once(ask: Callable[[], object], unfinished: Callable[[], bool]) -> float:
    asked_at = time.perf_counter()
    ask()
    _until(lambda: not unfinished(), pause=0.0005)
    return time.perf_counter() - asked_at


def _until(condition: Callable[[], bool], pause: float = 0.01) -> None:
    gives_up_at = time.monotonic() + 120
    while not condition():
        if time.monotonic() > gives_up_at:
            raise SystemExit("the benchmark's jobs did not end within 120 s")
        time.sleep(pause)  # noqa: TID251 - a stopwatch


if __name__ == "__main__":
    main()
