"""When pictures are shown: start, end, frame rate and key frames, as the packets have them."""

from fractions import Fraction
from itertools import pairwise
from statistics import mean, median
from typing import Any

import av

from .scan import Row

NEAR_SECONDS = 0.002
SLOWEST_MEASURED, FASTEST_MEASURED = Fraction(1, 100_000), 100_000
# A longer last picture is believed only where the header agrees: the duration in a damaged packet may be anything.
LONGEST_BELIEVED_SECONDS = Fraction(10)
SLOWEST_RATE, FASTEST_RATE = Fraction(1, 2), 1000


def timing(rows: list[Row], video: Any) -> dict[str, Any]:
    """Return start, end, rate and key frames as the packets have them."""
    base = video.time_base
    shown = sorted(row[0] for row in rows if row[2])
    gaps = [float((later - earlier) * base) for earlier, later in pairwise(shown) if later > earlier]
    rate, is_variable = measure_rate(gaps, float(base), video)
    gap = 1 / rate
    start, end = shown[0] * base, shown[-1] * base + last_seconds(rows, video, gap)
    # Measured: of H.264 with open GOPs, key frames alone decode to the same picture again and again.
    keys = (
        1
        if have_leading_pictures(rows) and video.codec_context.name == "h264"
        else sum(row[1] for row in rows) or 1
    )
    hidden_inside = any(not row[2] and shown[0] <= row[0] <= shown[-1] for row in rows)
    return {
        "rate": rate,
        "is_variable": is_variable,
        "frames": len(shown),
        "key_gap_seconds": float(end - start) / keys,
        "video_start_seconds": start,
        "video_end_seconds": end,
        # Several edit lists: pictures inside the video that must not be shown, which a piece cannot express.
        "in_one_piece": hidden_inside,
    }


def last_seconds(rows: list[Row], video: Any, gap: Fraction) -> Fraction:
    """Return how long the last picture is shown: as its packet says, where that can be believed.

    It can up to ten seconds or ten pictures, and beyond that where it is the only picture or the file's header says
    that the video lasts as long.
    """
    shown = [row for row in rows if row[2]]
    pts, _, _, duration = max(shown, key=lambda row: row[0])
    base = video.time_base
    if len(shown) == 1 < duration * base:
        return Fraction(duration * base)
    believed = max(10 * gap, LONGEST_BELIEVED_SECONDS, stated_end_seconds(video) - pts * base)
    return Fraction(duration * base) if 0 < duration * base <= believed else gap


def stated_end_seconds(video: Any) -> Fraction:
    """Return when the stream ends as the header has it, or else the file; 0 where it says nothing."""
    if video.start_time is not None and video.duration:
        return Fraction((video.start_time + video.duration) * video.time_base)
    file = video.container
    return Fraction((file.start_time or 0) + (file.duration or 0), av.time_base) + Fraction(1, 1000)


def have_leading_pictures(rows: list[Row]) -> bool:
    """Return whether pictures follow a key frame in the file that are shown before it: an open GOP."""
    latest_key = rows[0][0]
    for pts, key, _, _ in rows:
        if key:
            latest_key = pts
        elif pts < latest_key:
            return True
    return False


def measure_rate(gaps: list[float], tick: float, video: Any) -> tuple[Fraction, bool]:
    """Return the frame rate and whether it varies: from the median gap, since one long gap proves nothing.

    Between the slowest and the fastest rate that any file has; a header can claim one frame in 68 years.
    """
    rate, is_variable = _measured_rate(gaps, tick, video)
    return min(max(rate, SLOWEST_MEASURED), Fraction(FASTEST_MEASURED)), is_variable


def _measured_rate(gaps: list[float], tick: float, video: Any) -> tuple[Fraction, bool]:
    if not gaps:
        guess = video.average_rate or video.guessed_rate
        return (Fraction(guess) if guess and SLOWEST_RATE <= guess <= FASTEST_RATE else Fraction(25)), False
    near = max(NEAR_SECONDS, 2 * tick)
    middle = median(gaps)
    alike = [gap for gap in gaps if abs(gap - middle) <= near]
    # The mean evens out the rounding of containers that count in milliseconds.
    if len(alike) >= 0.9 * len(gaps):
        return Fraction(1 / mean(alike)).limit_denominator(100_000), False
    shortest = sorted(gaps)[len(gaps) // 10]
    alike = [gap for gap in gaps if abs(gap - shortest) <= near]
    return Fraction(1 / mean(alike)).limit_denominator(100_000), True
