"""What of a source is missing or damaged, in sentences for the owner of the video."""

import re
from datetime import timedelta
from fractions import Fraction
from typing import Any

import av

from .samples import Sample
from .scan import Row

# A source that is shorter than it states by no more than this is whole: headers are rounded.
SLACK_SECONDS = 1
# Containers whose header states a duration, written when the file was finished.
STATING_DURATION = ("mov", "matroska", "avi", "asf", "flv")
# Of these the header has a duration for each stream. Matroska has a tag for it.
STATING_EACH = ("mov", "avi")
TAG = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")


def missing(container: Any, video: Any, rows: list[Row], *, complete: bool) -> list[str]:
    """Return what to say where the source states more pictures than it holds, or cannot be read to its end."""
    found = (max(row[0] + row[3] for row in rows) - min(row[0] for row in rows)) * video.time_base
    stated = stated_seconds(container, video)
    if stated - found > SLACK_SECONDS:
        return [f"The source is cut off: it states a length of {clock(stated)} and holds {clock(found)}."]
    if not complete:
        return [f"The source is cut off: it could not be read beyond {clock(found)}."]
    return []


def stated_seconds(container: Any, video: Any) -> Fraction:
    """Return how long the header says that the video is, 0 where it does not say it of the video."""
    if not container.format.name.startswith(STATING_DURATION):
        return Fraction(0)
    if container.format.name.startswith(STATING_EACH) and video.duration:
        return Fraction(video.duration * video.time_base)
    if tag := TAG.match(video.metadata.get("DURATION", "")):
        hours, minutes, seconds = map(Fraction, tag.groups())
        return hours * 3600 + minutes * 60 + seconds
    # The length of the file is also that of subtitles and the like, which may go on for longer.
    if any(stream.type not in {"video", "audio"} for stream in container.streams):
        return Fraction(0)
    return Fraction(container.duration or 0, av.time_base)


def broken(samples: list[Sample], start_seconds: Fraction) -> list[str]:
    """Return what to say where some of the samples are damaged."""
    places = [clock(each.at_seconds - start_seconds) for each in samples if each.is_damaged]
    if not places or len(places) == len(samples):
        return []
    return [f"The source is damaged: pictures near {', '.join(dict.fromkeys(places))} could not be decoded."]


def clock(seconds: Fraction) -> str:
    """Return a length as hours:minutes:seconds."""
    return str(timedelta(seconds=round(seconds)))
