"""The job that the benchmark runs: nothing, so that only the way there and back is measured."""

from pathlib import Path

from celery_ledger.declare import job


@job("bench.nothing", queue="maintenance", soft_seconds=20, hard_seconds=30)
def nothing(mark: str = "") -> None:
    """Do nothing, or make the file that says when."""
    if mark:
        Path(mark).touch()
