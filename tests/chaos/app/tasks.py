"""The counted jobs."""

from typing import Any

from celery_ledger.declare import job
from tests.chaos.app import crashes, effects

SHORT: dict[str, Any] = {"queue": "maintenance", "soft_seconds": 40, "hard_seconds": 50}


@job("chaos.leave", atomic=True, **SHORT)
def leave(tag: str, seconds: float = 0.0, failures: int = 0, ballast: str = "") -> str:
    """Leave one row; `ballast` is only carried."""
    return effects.leave(tag, seconds, failures)


@job("chaos.gather", atomic=True, **SHORT)
def gather(results: list[str], tag: str) -> list[str]:
    """Be the body of a chord: leave one row."""
    effects.leave(tag, 0, 0)
    return results


@job("chaos.write", **SHORT)
def write(tag: str, seconds: float = 0.0) -> str:
    """Leave one file."""
    return effects.write(tag, seconds)


@job("chaos.flood", atomic=True, queue="reports", soft_seconds=40, hard_seconds=50)
def flood(tag: str) -> str:
    """Be one of very many."""
    return effects.leave(tag, 0, 0)


@job("chaos.fail", queue="maintenance", soft_seconds=40, hard_seconds=50)
def fail(tag: str) -> None:
    """Fail each time."""
    effects.leave(tag, 0, 99)


@job("chaos.crash", **SHORT)
def crash(way: str) -> None:
    """End the own process each time."""
    crashes.WAYS[way]()


@job("chaos.lock_both", atomic=True, **SHORT)
def lock_both(tag: str, first: int, second: int) -> str:
    """Deadlock with its opposite."""
    return effects.lock_both(first, second, tag)


@job("chaos.read_then_write", atomic=True, **SHORT)
def read_then_write(tag: str) -> str:
    """Collide with its equals."""
    return effects.read_then_write(tag)
