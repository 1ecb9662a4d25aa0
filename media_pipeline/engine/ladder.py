"""The encoding ladder: which sizes and bit rates a video is offered in."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import log

# Width and height of each rung of a 16:9 picture, and its highest bit rate in kbit/s.
LADDER = (
    (3840, 2160, 16000),
    (2560, 1440, 9000),
    (1920, 1080, 5000),
    (1280, 720, 2800),
    (854, 480, 1400),
    (640, 360, 800),
)
LARGEST_RUNG = 2160
# H.264 level 5.2, the highest that hardware commonly decodes, allows 8688 pixels.
LONGEST_SIDE = 8192
# Twice the pixels need less than twice the bits; for pictures larger than the largest rung.
RATE_EXPONENT = 0.75


@dataclass(frozen=True, slots=True)
class Rung:
    """One size of the output. `name` is the short side ("720"), also of a portrait video."""

    name: str
    width: int
    height: int
    kilobits: int


def make_ladder(width: int, height: int, largest: int = LARGEST_RUNG) -> tuple[Rung, ...]:
    """Return the rungs for a picture shown at `width` x `height`, largest first; none is larger than the picture.

    The short side of a rung is at most `largest`. A picture below the smallest rung gets one rung of its own size,
    rounded down to even, and one longer than `LONGEST_SIDE` is made smaller first.
    """
    width, height = _bounded(width, height)
    short = min(width, height)
    rungs = tuple(_rung(width, height, side) for _, side, _ in LADDER if side <= min(short, largest))
    if rungs:
        return rungs
    return (_sized(max(2, width // 2 * 2), max(2, height // 2 * 2)),)


def kilobits_for(width: int, height: int) -> int:
    """Return the highest bit rate of a picture: by its pixels, and at least what its short side has in the ladder.

    Between two rungs it rises on a line through their logarithms. Below the smallest it stays: small pictures are
    far below it by their constant quality alone.
    """
    by_side = [kilobits for _, side, kilobits in LADDER if side <= min(width, height)]
    return max([_by_pixels(width * height), *by_side])


def _by_pixels(pixels: int) -> int:
    known = [(wide * high, kilobits) for wide, high, kilobits in reversed(LADDER)]
    for (fewer, lower), (more, higher) in pairwise(known):
        if fewer <= pixels <= more:
            return _grown(lower, pixels / fewer, log(higher / lower) / log(more / fewer))
    if pixels < known[0][0]:
        return known[0][1]
    most, highest = known[-1]
    return _grown(highest, pixels / most, RATE_EXPONENT)


def _grown(kilobits: int, share: float, exponent: float) -> int:
    grown: float = kilobits * share**exponent
    return round(grown)


def _bounded(width: int, height: int) -> tuple[int, int]:
    share = min(Fraction(1), Fraction(LONGEST_SIDE, max(width, height, 1)))
    return round(width * share), round(height * share)


def _rung(width: int, height: int, side: int) -> Rung:
    """Scale so that the short side is `side`; the long side is rounded to even, never above the source's."""
    long, short = max(width, height), min(width, height)
    other = min(round(Fraction(long * side, short) / 2) * 2, long // 2 * 2)
    return _sized(*((other, side) if width >= height else (side, other)))


def _sized(width: int, height: int) -> Rung:
    return Rung(str(min(width, height)), width, height, kilobits_for(width, height))
