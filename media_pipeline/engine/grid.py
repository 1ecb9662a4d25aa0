"""The absolute frame grid: frame n of the output is shown at n / rate, whatever the source's clock does."""

from dataclasses import dataclass
from fractions import Fraction

SEGMENT_SECONDS = 4
STANDARD_RATES = (
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
    Fraction(48),
    Fraction(50),
    Fraction(60000, 1001),
    Fraction(60),
)
SLOWEST_RATE = Fraction(1, 2)
# Frames of the grid for each of a source at 1080p, and those that any source may have (4 h of the slowest rate).
REPEATS, FEWEST_REPEATS, FREE_FRAMES = 20, 2, 7200
FULL_HD_PIXELS = 1920 * 1080


@dataclass(frozen=True, slots=True)
class Grid:
    """`frames` pictures at `rate`; `first` is the number of the video's zero on the source's own clock."""

    rate: Fraction
    frames_per_segment: int
    frames: int
    first: int

    def seconds(self, frame: int) -> Fraction:
        """Return when `frame` is shown, counted from the video's zero."""
        return frame / self.rate


def choose_rate(rate: Fraction, *, is_variable: bool) -> Fraction:
    """Return the output's constant rate for a source of median `rate` (or of its shortest gaps, where variable).

    A standard rate within 0.2 % is taken as it is (clocks of phones and of damaged files are a little off).
    A variable source gets the smallest standard rate that drops none of its pictures, at most 60. Slow sources
    (GIF) keep their own rate.
    """
    if rate > STANDARD_RATES[-1]:
        return STANDARD_RATES[-1]
    nearest = min(STANDARD_RATES, key=lambda standard: abs(standard - rate))
    if abs(nearest - rate) <= rate / 500:
        return nearest
    if is_variable:
        return next(standard for standard in STANDARD_RATES if standard >= rate)
    return max(rate.limit_denominator(1001), SLOWEST_RATE)


def bound_repeats(rate: Fraction, seconds: Fraction, *, source_frames: int, pixels: int) -> Fraction:
    """Return `rate`, or a slower one where most frames of the grid would repeat the one before.

    A thousand pictures in a second and one more four hours later would else make 864,000 frames, each scaled and
    encoded. The larger the picture, the fewer repeats; a source with a steady rate has none.
    """
    scale = max(Fraction(1), Fraction(pixels, FULL_HD_PIXELS))
    repeats = max(Fraction(FEWEST_REPEATS), REPEATS / scale)
    allowed = max(repeats * source_frames, FREE_FRAMES / scale)
    if seconds * rate <= allowed:
        return rate
    affordable = allowed / seconds
    standard = [choice for choice in STANDARD_RATES if choice <= affordable]
    return standard[-1] if standard else max(SLOWEST_RATE, affordable.limit_denominator(10))


def make_grid(rate: Fraction, start_seconds: Fraction, duration_seconds: Fraction) -> Grid:
    """Return the grid that covers the video; at least one frame."""
    return Grid(
        rate=rate,
        frames_per_segment=max(1, round(SEGMENT_SECONDS * rate)),
        frames=max(1, round(duration_seconds * rate)),
        first=round(start_seconds * rate),
    )
