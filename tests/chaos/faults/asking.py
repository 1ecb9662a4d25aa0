"""Asking while the broker is away: a request writes rows, so it takes as long as ever."""

from collections.abc import Iterator
from statistics import median

from tests.chaos.load import Load
from tests.chaos.play import fault, pause
from tests.chaos.scene import Scene
from tests.chaos.visitor import Visitor

SIGNUPS = 15
#: Whoever waited for the broker would wait for its socket's time-out: seconds. What a busy machine adds is less.
SLOWER_TIMES, SLOWER_SECONDS = 2.0, 0.1


@fault("freeze the broker, then cut the network to it", "people sign up")
def slow_answers(scene: Scene, load: Load) -> Iterator[None]:
    with Visitor(scene, load) as visitor:
        usual = _median_of_signups(visitor, "before")
        scene.broker.freeze()
        try:
            frozen = _median_of_signups(visitor, "frozen")
        finally:
            scene.broker.thaw()
        scene.wire.cut()
        cut = _median_of_signups(visitor, "cut")
    yield
    pause(1)
    scene.wire.heal()
    for name, seconds in (("frozen", frozen), ("cut off", cut)):
        assert seconds < SLOWER_TIMES * usual + SLOWER_SECONDS, (
            f"a signup takes {seconds:.3f} s with the broker {name}, else {usual:.3f} s"
        )


def _median_of_signups(visitor: Visitor, name: str) -> float:
    """Return the median of some signups' seconds; each must be taken."""
    visitor.seconds.clear()
    answers = [visitor.sign_up(f"{name}-{number}@chaos.test") for number in range(SIGNUPS)]
    assert set(answers) == {201}, f"signups were answered {set(answers)}"
    return median(visitor.seconds)
