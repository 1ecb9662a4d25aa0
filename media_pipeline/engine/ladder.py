"""The encoding ladder: which sizes and bit rates a film is offered in."""

from dataclasses import dataclass
from fractions import Fraction

# Short side in pixels and the highest bit rate in kbit/s.
LADDER = ((1080, 5000), (720, 2800), (480, 1400), (360, 800))


@dataclass(frozen=True, slots=True)
class Rung:
    """One size of the output. `name` is the short side ("720"), also of a portrait film."""

    name: str
    width: int
    height: int
    kilobits: int


def make_ladder(width: int, height: int) -> tuple[Rung, ...]:
    """Return the rungs for a picture shown at `width` x `height`, largest first; none is larger than the picture.

    A picture below the smallest rung gets one rung of its own size, rounded down to even.
    """
    short = min(width, height)
    rungs = tuple(_rung(width, height, side, kilobits) for side, kilobits in LADDER if side <= short)
    if rungs:
        return rungs
    even = (max(2, width // 2 * 2), max(2, height // 2 * 2))
    return (Rung(str(min(even)), *even, kilobits=LADDER[-1][1]),)


def _rung(width: int, height: int, side: int, kilobits: int) -> Rung:
    """Scale so that the short side is `side`; the long side is rounded to even, never above the source's."""
    long, short = max(width, height), min(width, height)
    other = min(round(Fraction(long * side, short) / 2) * 2, long // 2 * 2)
    return Rung(str(side), *((other, side) if width >= height else (side, other)), kilobits=kilobits)
