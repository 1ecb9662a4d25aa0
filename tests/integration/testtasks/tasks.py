"""Tasks for the tests of the ledger."""

import ctypes
import os
import signal
import sys
import threading
import time
from typing import Any

from celery import current_app

from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.canvas import Signature, chain, group, step
from celery_ledger.current import checkpoint, current_job
from celery_ledger.declare import job
from celery_ledger.errors import Permanent, Transient
from tests.integration.testtasks import effects

SHORT: dict[str, Any] = {"queue": "maintenance", "soft_seconds": 20, "hard_seconds": 30}


@job("test.add", **SHORT)
def add(x: int, y: int) -> int:
    return x + y


@job("test.total", **SHORT)
def total(numbers: list[int]) -> int:
    effects.leave(f"total {numbers}")
    return sum(numbers)


@job("test.note", **SHORT)
def note(*args: Any) -> list[Any]:
    effects.leave(f"note {list(args)}")
    return list(args)


@job("test.note_atomically", atomic=True, **SHORT)
def note_atomically(text: str) -> None:
    effects.leave(text)


@job("test.fail_until", **SHORT)
def fail_until(attempt: int) -> str:
    """Fail transiently until the attempt of this number."""
    effects.leave("attempt")
    if _attempt() < attempt:
        raise Transient("not yet")
    return "done"


@job("test.refuse", **SHORT)
def refuse(*_args: Any) -> None:
    raise Permanent("never")


@job("test.refuse_until", **SHORT)
def refuse_until(attempt: int, value: int) -> int:
    if _attempt() < attempt:
        raise Permanent("not at the first time")
    return value


@job("test.linger", **SHORT)
def linger(seconds: float, text: str = "linger") -> str:
    """Start, wait as long work does, end."""
    effects.leave(f"{text} started")
    _work(seconds)
    effects.leave(f"{text} ended")
    return text


@job("test.execute", **SHORT)
def execute(sql: str) -> int:
    """Run a statement; return the session that ran it."""
    effects.execute(sql)
    return effects.session()


@job("test.execute_atomically", atomic=True, **SHORT)
def execute_atomically(sql: str) -> int:
    effects.execute(sql)
    return effects.session()


@job("test.hold_the_gil", **SHORT)
def hold_the_gil(seconds: int) -> None:
    """Wait in C without letting another thread of the process run, as an extension in C may."""
    effects.leave("started")
    ctypes.PyDLL(None).sleep(seconds)
    effects.leave("ended")


@job("test.linger_late", **SHORT)
def linger_late(seconds: float) -> None:
    """Linger, and acknowledge the message at the end, as a project may choose."""
    effects.leave("linger started")
    _work(seconds)
    effects.leave("linger ended")


linger_late.acks_late = True


@job("test.linger_first", **SHORT)
def linger_first(seconds: float) -> None:
    """Wait in the first attempt only."""
    effects.leave("started")
    if _attempt() == 1:
        _work(seconds)
    effects.leave("ended")


@job("test.linger_atomically", atomic=True, **SHORT)
def linger_atomically(seconds: float) -> None:
    effects.leave("effect")
    if _attempt() == 1:
        _work(seconds)


@job("test.limited", limit="test", **SHORT)
def limited(text: str) -> None:
    effects.leave(text)


@job("test.overrun", queue="maintenance", soft_seconds=1, hard_seconds=2, max_attempts=1)
def overrun() -> None:
    """Ignore the soft limit and run into the hard one."""
    while True:
        try:
            _work(30)
        except Exception:  # noqa: BLE001, S112 (a body that swallows everything is the case)
            continue


@job("test.overrun_softly", queue="maintenance", soft_seconds=1, hard_seconds=10, max_attempts=1)
def overrun_softly() -> None:
    _work(30)


@job("test.die", **SHORT)
def die(deaths: int) -> str:
    """Kill the own process in the first so many attempts."""
    if _attempt() <= deaths:
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


@job("test.leave_the_program", max_attempts=2, **SHORT)
def leave_the_program() -> None:
    sys.exit(3)


@job("test.run_out_of_memory", max_attempts=1, **SHORT)
def run_out_of_memory() -> None:
    raise MemoryError


@job("test.ask", **SHORT)
def ask(apart: bool) -> str:
    """Ask for a job and return its id."""
    return enqueue("test.note", "plain", apart=apart)


@job("test.enqueue_then_die", **SHORT)
def enqueue_then_die(deaths: int) -> None:
    """Ask for jobs outside any transaction, then die before settling."""
    enqueue("test.note", "plain")
    enqueue(chain(step("test.note", "first"), step("test.note", "second")))
    enqueue(chain(group(step("test.note", "part 1"), step("test.note", "part 2")), step("test.note", "body")))
    die(deaths)


@job("test.become", **SHORT)
def become(signature: dict[str, Any]) -> None:
    """Replace itself by the canvas."""
    current_app.tasks["test.become"].replace(Signature.from_dict(signature, app=current_app))


@job("test.become_atomically", atomic=True, **SHORT)
def become_atomically(signature: dict[str, Any]) -> None:
    current_app.tasks["test.become_atomically"].replace(Signature.from_dict(signature, app=current_app))


@job("test.count_down", **SHORT)
def count_down(number: int) -> str:
    """Replace itself by itself until nothing is left."""
    effects.leave(f"count {number}")
    if number == 0:
        return "lift off"
    task = current_app.tasks["test.count_down"]
    task.replace(task.s(number - 1))
    return "unreachable"


@job("test.new_style_errback", **SHORT)
def new_style_errback(request: Any, error: Any, traceback: Any) -> None:
    """Ask for what Celery hands to an errback that it calls itself, in the process where it happens to be."""


@job("test.session", **SHORT)
def session() -> int:
    """Return which session of the database this job has."""
    return effects.session()


@job("test.bug", **SHORT)
def bug(text: str) -> None:
    raise RuntimeError(text)


@job("test.odd_bug", **SHORT)
def odd_bug() -> None:
    raise RuntimeError("a zero \x00 and half a pair \udcff")


def _attempt() -> int:
    current = current_job()
    return current.attempt if current else 1


def _work(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        threading.Event().wait(0.05)
        checkpoint()
