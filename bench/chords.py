"""A chord of a thousand parts (ours) beside a group of as many (baseline), on the ledger: what counting parts costs.

`python -m bench.chords SIZE` measures another size.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable

import django
from django.core.management import call_command
from django.db import transaction

from bench.row import Row
from bench.worker import LOOK_SECONDS, PROCESSES, until, worker
from config import env
from config.services import ensure

SIZE = 1000
ROUNDS = 5


def main() -> None:
    """Print the rows as JSON."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else SIZE
    env.select_settings()
    ensure(env.load())
    django.setup()
    call_command("migrate", verbosity=0)
    import bench.tasks  # noqa: F401, PLC0415 - declares the tasks in this process; needs Django set up

    seconds: dict[str, list[float]] = {"chord": [], "group": []}
    with worker("bench.app"):
        # The first run pays for what the processes do once.
        _group(PROCESSES)
        for number in range(ROUNDS):
            seconds["group"].append(_group(size))
            seconds["chord"].append(_chord(size))
            last = ", ".join(f"{kind} {taken[-1]:.2f} s" for kind, taken in seconds.items())
            print(f"chords: round {number + 1} of {ROUNDS}: {last}", file=sys.stderr)
    ours, baseline = (statistics.median(seconds[kind]) for kind in ("chord", "group"))
    what = f"chord of {size} beside a group of {size}, {PROCESSES} processes"
    print(json.dumps([Row(what=what, unit="s", ours=ours, baseline=baseline)]))


def _group(size: int) -> float:
    from celery_ledger.canvas import group, step  # noqa: PLC0415 - needs Django set up

    return _timed(lambda: group(step("bench.nothing") for _ in range(size)).delay(), size)


def _chord(size: int) -> float:
    from celery_ledger.canvas import chord, group, step  # noqa: PLC0415 - needs Django set up

    return _timed(
        lambda: chord(group(step("bench.nothing") for _ in range(size)), step("bench.nothing")).delay(),
        size + 1,
    )


def _timed(ask: Callable[[], object], jobs: int) -> float:
    """Return the seconds from asking to the end of the last of the jobs."""
    from celery_ledger.models import Job  # noqa: PLC0415 - needs Django set up
    from celery_ledger.states import JobState  # noqa: PLC0415

    Job.objects.all().delete()
    began_at = time.perf_counter()
    with transaction.atomic():
        ask()
    until(lambda: Job.objects.filter(state=JobState.SUCCEEDED).count() >= jobs, LOOK_SECONDS)
    return time.perf_counter() - began_at


if __name__ == "__main__":
    main()
