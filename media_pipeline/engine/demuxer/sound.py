"""Which sound of a file is kept, and where it lies on the clock."""

from fractions import Fraction
from itertools import islice
from typing import Any

import av

from .picture import PACKETS_TRIED
from .source import open_source, packets_of

SAMPLE_RATES, MOST_CHANNELS = range(4_000, 768_001), 64


def is_usable(context: Any) -> bool:
    """Return whether a sound has a decoder, and rate and channels that any recorder could have made."""
    return (
        context is not None and context.sample_rate in SAMPLE_RATES and 0 < context.channels <= MOST_CHANNELS
    )


def choose_sound(
    path: str, formats: str, sounds: list[dict[str, Any]], spans: dict[int, list[Fraction]]
) -> dict[str, Any] | None:
    """Return the first sound of which something can be decoded, with its first and last instant."""
    for sound in sounds:
        if sound["stream"] in spans and is_audible(path, formats, sound["stream"]):
            start, end = spans[sound["stream"]]
            return {**sound, "start_seconds": start, "end_seconds": end}
    return None


def is_audible(path: str, formats: str, index: int) -> bool:
    """Return whether the first packets of the sound decode to samples."""
    with open_source(path, formats) as container:
        for packet in islice(packets_of(container, container.streams[index]), PACKETS_TRIED):
            try:
                if any(frame.samples for frame in packet.decode()):
                    return True
            except (av.FFmpegError, ValueError):
                continue
    return False


def zero(film: dict[str, Any], sound: dict[str, Any] | None) -> dict[str, Any]:
    """Return the sound and the film's zero: the picture's start, or the sound's where they are clearly apart."""
    start = film["video_start_seconds"]
    if sound and abs(sound["start_seconds"] - start) > Fraction(1, 10):
        start = min(start, sound["start_seconds"])
    return {"sound": sound, "start_seconds": start}
