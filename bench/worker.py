"""What benchmarks of jobs share: a worker, and waiting for what it does."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PROCESSES = 2
#: How often the benchmark asks how far it is: both sides pay for the answer, ours in the database.
LOOK_SECONDS = 0.05
#: On a machine that is busy with other things a worker alone may take a minute to start.
GIVE_UP_SECONDS = 300


@contextmanager
def worker(app: str) -> Iterator[None]:
    """Run a worker of this application while the block lasts."""
    command = [sys.executable, "-m", "celery", "-A", app, "worker", "-c", str(PROCESSES), "-l", "ERROR"]
    process = subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def until(condition: Callable[[], bool], pause: float) -> None:
    """Return once the condition holds. Raises SystemExit after GIVE_UP_SECONDS."""
    gives_up_at = time.monotonic() + GIVE_UP_SECONDS
    while not condition():
        if time.monotonic() > gives_up_at:
            raise SystemExit(f"the jobs did not end within {GIVE_UP_SECONDS} s")
        time.sleep(pause)  # noqa: TID251 - a stopwatch
