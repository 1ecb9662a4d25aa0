"""Named instants in the code at which a test ends or freezes this very process: `FAULT_POINT=run.ran:kill:1`.

"Between the effect and its commit" is a line of code and not a moment that one may hope to hit by waiting. Where
nothing is armed, and that is everywhere but in a fault test, a point costs one look-up of a global.

The third word is how often it strikes, all processes of one data folder together: a pool that forks anew after each
death would else die for ever. Each strike leaves a file in `OFFSTAGE_DATA/faults`, named for the point, which
says who was struck: so a test knows that the instant was hit, and whom to thaw.
"""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

#: Every point there is, with what has just happened there.
POINTS = {
    "enqueue.written": "the job is written, the caller's transaction is open",
    "relay.taken": "the relay has marked a batch as published, and sent none of it",
    "relay.sent": "a batch is with the broker",
    "run.delivered": "a message has come, its job is not claimed",
    "run.claimed": "the job is claimed, its body has not begun",
    "run.ran": "the body has returned, nothing is settled",
    "settle.recorded": "the outcome is recorded, what follows is not enqueued, nothing is committed",
    "settle.continued": "what follows is enqueued, nothing is committed",
    "chord.counted": "a chord's part is counted, nothing is committed",
    "run.committed": "all is committed, Celery does not know yet",
    "rescue.locked": "the rescuer has locked jobs whose lease ran out",
    "beat.owed": "beat owes a tick, its job is not asked for",
    "beat.enqueued": "the tick's job is committed, beat has not noted it",
}

ACTIONS: dict[str, Callable[[], None]] = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "kill_parent": lambda: os.kill(os.getppid(), signal.SIGKILL),
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
}


@dataclass(frozen=True)
class FaultPoint:
    """What is armed: where, what, how often."""

    name: str
    action: str
    count: int
    folder: Path


_armed: FaultPoint | None = None


def arm(point: FaultPoint | None) -> None:
    """Arm one point of this process and of those that it forks; None disarms."""
    global _armed  # noqa: PLW0603 - one a process is the point
    _armed = point


def reach(name: str) -> None:
    """Say that the code has come to this point."""
    if _armed is not None and _armed.name == name and _is_our_turn(_armed):
        ACTIONS[_armed.action]()


def _is_our_turn(point: FaultPoint) -> bool:
    point.folder.mkdir(parents=True, exist_ok=True)
    for number in range(point.count):
        try:
            with (point.folder / f"{point.name}.{number}").open("x") as strike:
                strike.write(str(os.getpid()))
        except FileExistsError:
            continue
        return True
    return False
