"""What `bench.jobs` measures on one broker, the one that BROKER_URL names: our side and the bare one take turns."""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import django
from django.core.management import call_command
from django.db import transaction

from bench.row import Row
from bench.worker import LOOK_SECONDS, PROCESSES, until, worker
from config import env
from config.services import ensure

JOBS = 2000
ROUNDS = 3
SINGLE_JOBS = 30

Figures = dict[str, float]


def main() -> None:
    """Print the rows as JSON."""
    broker = sys.argv[1]
    env.select_settings()
    ensure(env.load())
    django.setup()
    call_command("migrate", verbosity=0)
    import bench.tasks  # noqa: F401, PLC0415 - declares the task in this process; needs Django set up

    sides: dict[str, list[Figures]] = {"ours": [], "bare": []}
    for number in range(ROUNDS):
        sides["ours"].append(_ours())
        sides["bare"].append(_bare())
        drained = ", ".join(f"{side} {figures[-1]['drain']:.0f}" for side, figures in sides.items())
        print(f"jobs: {broker}, round {number + 1} of {ROUNDS}: {drained} jobs/s", file=sys.stderr)
    what = {
        "asking": ("ask for a job, all in one transaction", "jobs/s"),
        "drain": (f"drain {JOBS} queued jobs, {PROCESSES} processes", "jobs/s"),
        "wait": ("from commit to the body, idle worker", "ms"),
    }
    rows = [
        Row(
            what=f"{broker}: {words}",
            unit=unit,
            ours=_middle(sides["ours"], key),
            baseline=_middle(sides["bare"], key),
        )
        for key, (words, unit) in what.items()
    ]
    print(json.dumps(rows))


def _middle(rounds: list[Figures], key: str) -> float:
    return statistics.median(figures[key] for figures in rounds)


def _ours() -> Figures:
    from celery_ledger.asking.enqueueing import enqueue  # noqa: PLC0415 - needs Django set up
    from celery_ledger.models import Job  # noqa: PLC0415
    from celery_ledger.states import JobState  # noqa: PLC0415

    began_at = time.perf_counter()
    with transaction.atomic():
        for _ in range(JOBS):
            enqueue("bench.nothing")
    asking = JOBS / (time.perf_counter() - began_at)
    with worker("bench.app"):
        drain = _drain(lambda: JOBS - Job.objects.filter(state=JobState.SUCCEEDED).count())
        wait = _wait(lambda mark: enqueue("bench.nothing", mark))
    Job.objects.all().delete()
    return {"asking": asking, "drain": drain, "wait": wait}


def _bare() -> Figures:
    from bench.bare import nothing, waiting  # noqa: PLC0415 - needs the settings

    began_at = time.perf_counter()
    for _ in range(JOBS):
        nothing.delay()
    asking = JOBS / (time.perf_counter() - began_at)
    with worker("bench.bare"):
        drain = _drain(waiting)
        wait = _wait(nothing.delay)
    return {"asking": asking, "drain": drain, "wait": wait}


def _drain(left: Callable[[], int]) -> float:
    """Return jobs per second from the first one done to the last; the worker's own start is not counted."""
    until(lambda: left() < JOBS, LOOK_SECONDS)
    first, began_at = left(), time.perf_counter()
    until(lambda: left() <= 0, LOOK_SECONDS)
    return first / (time.perf_counter() - began_at)


def _wait(ask: Callable[[str], object]) -> float:
    """Return the milliseconds from asking for a job to its body, which touches a file."""
    with tempfile.TemporaryDirectory(prefix="offstage-marks-") as folder:
        return 1000 * statistics.median(_once(ask, Path(folder) / str(n)) for n in range(SINGLE_JOBS))


def _once(ask: Callable[[str], object], mark: Path) -> float:
    began_at = time.perf_counter()
    ask(str(mark))
    until(mark.exists, 0.0005)
    return time.perf_counter() - began_at


if __name__ == "__main__":
    main()
