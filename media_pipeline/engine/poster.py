"""Which picture stands for the whole video: one that is not dark, not flat, and sharp."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from statistics import fmean, median, pstdev

# Size of the grey copies that are measured, and their levels: 0 is black, 255 white.
MEASURED_WIDTH, MEASURED_HEIGHT = 320, 180
DARKEST, BRIGHTEST = 32, 235
# Standard deviation of the levels; a sky or a title page has less.
FLATTEST = 12


@dataclass(frozen=True, slots=True)
class Measured:
    """What a picture is like, in levels: their mean, their deviation, and the mean step to the next pixel."""

    brightness: float
    contrast: float
    sharpness: float

    @property
    def is_usable(self) -> bool:
        """Whether there is something to see."""
        return DARKEST <= self.brightness <= BRIGHTEST and self.contrast >= FLATTEST


def measure(levels: bytes) -> Measured:
    """Return what a grey picture of the measured size is like."""
    rows = [levels[start : start + MEASURED_WIDTH] for start in range(0, len(levels), MEASURED_WIDTH)]
    across = chain.from_iterable(pairwise(row) for row in rows)
    down = chain.from_iterable(zip(*pair, strict=True) for pair in pairwise(rows))
    steps = [abs(one - other) for one, other in chain(across, down)]
    return Measured(fmean(levels), pstdev(levels), fmean(steps))


def choose_poster(pictures: Sequence[Measured]) -> int:
    """Return the place of the first usable picture that is at least as sharp as the middle one of them.

    Where none is usable, of the one with most contrast. The same pictures always give the same choice.
    """
    usable = [picture for picture in pictures if picture.is_usable]
    if not usable:
        return max(range(len(pictures)), key=lambda place: (pictures[place].contrast, -place))
    sharp_enough = median(picture.sharpness for picture in usable)
    return next(
        place
        for place, picture in enumerate(pictures)
        if picture.is_usable and picture.sharpness >= sharp_enough
    )
