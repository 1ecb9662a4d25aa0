"""The steps of a video as bars over one axis of time, so that what ran side by side is seen side by side."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

# In the words of people who wait for a video.
TITLES = {
    "probe": "Look at the file",
    "encode": "Encode the picture",
    "audio": "Encode the sound",
    "package": "Package for streaming",
    "thumbnails": "Take thumbnails",
    "storyboard": "Draw the storyboard",
    "subtitles": "Write the subtitles",
    "finish": "Finish",
}
NARROWEST_PERCENT = 0.8

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Row:
    """One step: `left_percent` and `width_percent` place its bar, None where it has not begun."""

    name: str
    title: str
    state: str
    progress: int
    attempts: int
    seconds: float | None
    left_percent: float | None
    width_percent: float | None


def timeline(steps: Iterable[Mapping[str, Any]], now: datetime) -> list[Row]:
    """Return a row for each step, over the time from the first beginning to the last end or `now`."""
    spans = [(step, _span(step, now)) for step in steps]
    ran = [span for _, span in spans if span]
    if not ran:
        return [_row(step, None, None) for step, _ in spans]
    axis = min(start for start, _ in ran), max(end for _, end in ran)
    return [_row(step, span, axis) for step, span in spans]


def _span(step: Mapping[str, Any], now: datetime) -> Span | None:
    started, finished = _instant(step["started_at"]), _instant(step["finished_at"])
    return (started, max(finished or now, started)) if started else None


def _row(step: Mapping[str, Any], span: Span | None, axis: Span | None) -> Row:
    seconds = left = width = None
    if span and axis:
        whole_seconds = max((axis[1] - axis[0]).total_seconds(), 0.001)
        seconds = (span[1] - span[0]).total_seconds()
        width = max(seconds / whole_seconds * 100, NARROWEST_PERCENT)
        left = min((span[0] - axis[0]).total_seconds() / whole_seconds * 100, 100 - width)
    return Row(
        name=step["name"],
        title=TITLES.get(step["name"], step["name"]),
        state=step["state"],
        progress=step["progress"],
        attempts=step["attempts"],
        seconds=seconds,
        left_percent=left,
        width_percent=width,
    )


def _instant(text: str | datetime | None) -> datetime | None:
    return parse_datetime(text) if isinstance(text, str) else text
