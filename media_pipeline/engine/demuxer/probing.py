"""Find out what a video needs: the fields of a Film."""

from pathlib import Path
from typing import Any

from .chapters import chapters
from .choice import choose_picture
from .damage import missing
from .picture import look, transparency_apart
from .scan import Limits, refuse_long, refuse_work, scan
from .sound import choose_sounds, describe_sounds, may_be_usable, zero
from .source import Refused, open_source
from .timing import timing
from .tracks import describe
from .trial import how_to_cut


def probe(path: str, formats: str, limits: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a Film, fractions as text."""
    return _probe(path, formats, Limits(**limits))


def _probe(path: str, formats: str, limits: Limits) -> dict[str, Any]:
    size = Path(path).stat().st_size
    with open_source(path, formats) as container:
        video = container.streams[choose_picture(container, path, formats, limits)]
        audios = [stream for stream in container.streams.audio if may_be_usable(stream.codec_context)]
        rows, spans, complete = scan(container, video, audios, limits)
        if not any(shown for _, _, shown, _ in rows):
            raise Refused("picture")
        refuse_long(rows, video.time_base, limits.max_seconds)
        film = describe(container, video)
        film |= timing(rows, video)
        film["chapters"] = chapters(container)
        apart = transparency_apart(video, film)
        warnings = missing(container, video, rows, complete=complete)
        described = describe_sounds(container)
    if film["video_end_seconds"] - film["video_start_seconds"] > limits.max_seconds:
        raise Refused("long")
    film |= look(path, formats, film, limits.max_pixels) | apart
    refuse_work(film, limits, size)
    if not film["in_one_piece"]:
        film |= how_to_cut(path, formats, film["video_stream"], limits.max_pixels, rows)
    sounds, left_out = choose_sounds(path, formats, described, spans, limits.max_audio_tracks)
    sound = sounds[0] if sounds else None
    film["sounds"] = sounds
    film["start_seconds"] = zero(film, sound)
    film["warnings"] = [*film.get("warnings", ()), *left_out]
    ends = [film["video_end_seconds"]] + ([sound["end_seconds"]] if sound else [])
    if max(ends) - film["start_seconds"] > limits.max_seconds:
        raise Refused("long")
    film["truncated"] = bool(warnings)
    film["warnings"] = [*warnings, *film["warnings"]]
    return film
