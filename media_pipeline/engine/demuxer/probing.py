"""Find out what a film needs: the fields of a Film."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from .picture import PICTURES_BESIDE, look, refuse_undecodable
from .scan import Limits, refuse_long, refuse_work, scan
from .sound import choose_sound, is_usable, zero
from .source import Refused, open_source
from .timing import timing
from .tracks import describe, language
from .trial import how_to_cut

# Containers whose header states a duration, written when the file was finished.
STATING_DURATION = ("mov", "matroska", "avi", "asf", "flv")


def probe(path: str, formats: str, limits: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a Film, fractions as text."""
    return _probe(path, formats, Limits(**limits))


def _probe(path: str, formats: str, limits: Limits) -> dict[str, Any]:
    size = Path(path).stat().st_size
    with open_source(path, formats) as container:
        videos = [stream for stream in container.streams.video if not stream.disposition & PICTURES_BESIDE]
        if not videos:
            raise Refused("picture")
        refuse_undecodable(videos[0], limits.max_pixels)
        audios = [stream for stream in container.streams.audio if is_usable(stream.codec_context)]
        rows, spans, complete = scan(container, videos[0], audios, limits)
        stated = Fraction(container.duration or 0, av.time_base)
        if not any(shown for _, _, shown, _ in rows):
            raise Refused("picture")
        refuse_long(rows, videos[0].time_base, limits.max_seconds)
        film = describe(container, videos[0])
        film |= timing(rows, videos[0])
        sounds = [
            {"stream": stream.index, "codec": stream.codec_context.name, "language": language(stream)}
            for stream in audios
        ]
    if film["video_end_seconds"] - film["video_start_seconds"] > limits.max_seconds:
        raise Refused("long")
    film |= look(path, formats, film["video_stream"], limits.max_pixels)
    refuse_work(film, limits, size)
    if not film["in_one_piece"]:
        film |= how_to_cut(path, formats, film["video_stream"], limits.max_pixels, rows)
    sound = choose_sound(path, formats, sounds, spans)
    film |= zero(film, sound)
    ends = [film["video_end_seconds"]] + ([sound["end_seconds"]] if sound else [])
    if max(ends) - film["start_seconds"] > limits.max_seconds:
        raise Refused("long")
    starts = [film["video_start_seconds"]] + ([sound["start_seconds"]] if sound else [])
    stated_here = film["container"].startswith(STATING_DURATION)
    film["truncated"] = not complete or (stated_here and stated - (max(ends) - min(starts)) > 1)
    return film
