"""One fault, played: ask, strike, ask, heal, ask, wait, check."""

import inspect
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db import Error, connection

from celery_ledger.models import Job
from celery_ledger.states import JobState
from tests.chaos import checker
from tests.chaos.checker import Verdict
from tests.chaos.load import Load
from tests.chaos.scene import Scene, now
from tests.eventually import eventually

#: A generator: what it does before its `yield` is the strike, what it does after it is the healing. After a second one,
#: where it has one, all is quiet, and it looks at what came of it.
Strike = Callable[[Scene, Load], Iterator[None]]
BROKERS = ("valkey", "rabbitmq", "sqs")
QUIET_SECONDS = 60


@dataclass(frozen=True)
class Fault:
    """One row of the table."""

    name: str
    instant: str
    strike: Strike
    brokers: tuple[str, ...] = BROKERS
    #: Part of the short form, on these brokers.
    short: tuple[str, ...] = ()
    #: The point that a second worker is armed with, as FAULT_POINT takes it.
    armed: str = ""
    #: A worker may die between the mail server's acceptance and the commit: a second copy, one Message-ID.
    second_mails: bool = False
    #: How large a wave is.
    size: float = 1.0
    #: The strike itself asks first; the usual load begins afterwards.
    late: bool = False
    #: Ask for the usual load; some faults bring one of their own.
    waves: bool = True
    quiet_seconds: float = QUIET_SECONDS
    #: Says what this machine lacks to be struck so; empty where it has all.
    lacks: Callable[[], str] = str


ALL: list[Fault] = []


def fault(name: str, at: str, **options: object) -> Callable[[Strike], Strike]:
    """Add a row to the table: what is done to whom, and at which instant."""

    def add(strike: Strike) -> Strike:
        assert inspect.isgeneratorfunction(strike)
        ALL.append(Fault(name, at, strike, **options))
        return strike

    return add


@dataclass
class Result:
    """What a fault on a broker came to."""

    fault: Fault
    broker: str
    verdict: Verdict = field(default_factory=Verdict)
    took_seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        return not self.verdict.breaches


def play(scene: Scene, fault: Fault, seed: int, scale: float = 1.0) -> Result:
    """Play a fault on the scene's broker; a breach is part of the result, not an exception."""
    result, began = Result(fault, scene.kind), time.monotonic()
    load = Load(seed, scale)
    company = scene.company.pid
    try:
        scene.clear()
        result.verdict = _play(scene, fault, load)
    except AssertionError as error:
        result.verdict.breaches.append(f"{error}"[-3000:])
    if not scene.company.is_alive or scene.company.pid != company:
        result.verdict.breaches.append(f"the worker did not live through it: {scene.company.log}")
    result.took_seconds = time.monotonic() - began
    return result


def _play(scene: Scene, fault: Fault, load: Load) -> Verdict:
    if fault.armed:
        scene.start_worker("victim", FAULT_POINT=fault.armed)
    strike = fault.strike(scene, load)
    if fault.waves and not fault.late:
        load.wave(fault.size)
    struck = now()
    next(strike)
    if fault.waves:
        load.wave(fault.size)
    looks = _goes_on(strike)
    healed = _healed(scene, fault)
    if fault.waves:
        load.wave(fault.size / 2)
    await_quiet(fault.quiet_seconds)
    if looks:
        _finish(strike)
    for name in [name for name in scene.parts if name not in ("company", "mail")]:
        scene.end(name)
    verdict = checker.check(scene, load.asked, second_mails=fault.second_mails)
    verdict.seconds = _recovery(struck, healed)
    return verdict


def _healed(scene: Scene, fault: Fault) -> float:
    """Return when the fault was over: a process that was killed at a point was so at that instant."""
    return max((at for _, _, at in scene.strikes()), default=now()) if ":kill" in fault.armed else now()


def _goes_on(strike: Iterator[None]) -> bool:
    return any(True for _ in strike)


def _finish(strike: Iterator[None]) -> None:
    assert not _goes_on(strike), "a strike has two yields at most"


def await_quiet(within_seconds: float) -> None:
    """Return when no job waits or runs any more; checker finds what is left when time runs out."""

    def is_quiet() -> bool:
        try:
            return checker.all_finished()
        except Error:
            connection.close()
            return False

    try:
        eventually(is_quiet, within_seconds)
    except AssertionError:
        return


def _recovery(struck: float, healed: float) -> list[float]:
    """Return how long after the healing each job ended that had been open when the fault struck or began in it."""
    healed_at, struck_at = (datetime.fromtimestamp(moment, UTC) for moment in (healed, struck))
    ended = Job.objects.filter(
        state=JobState.SUCCEEDED, created_at__lt=healed_at, finished_at__gt=struck_at
    ).values_list("finished_at", flat=True)
    return sorted(max(0.0, (moment - healed_at).total_seconds()) for moment in ended)


def await_running(count: int = 1) -> None:
    """Return at the instant when so many jobs run."""
    eventually(lambda: Job.objects.filter(state=JobState.RUNNING).count() >= count, 20)


def await_strike(scene: Scene, load: Load, count: int = 1, within_seconds: float = 30) -> None:
    """Return once the armed point was hit so often, asking for more until then."""
    deadline = time.monotonic() + within_seconds
    while len(scene.strikes()) < count:
        assert time.monotonic() < deadline, "the armed point was never reached"
        try:
            eventually(lambda: len(scene.strikes()) >= count, 2)
        except AssertionError:
            load.wave(0.5)


def pause(seconds: float) -> None:
    """Let a fault last. Nothing is waited for: its length is what it is."""
    threading.Event().wait(seconds)
