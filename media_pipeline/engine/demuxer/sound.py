"""Which audio tracks of a file are kept, which of them comes first, and where they lie on the clock."""

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import Any

import av
from av.stream import Disposition

from .picture import PACKETS_TRIED
from .source import open_source, packets_of
from .tracks import language

SAMPLE_RATES, MOST_CHANNELS = range(4_000, 768_001), 64
# The titles that a header may hold are as long as the file; a menu shows a line.
LONGEST_TITLE = 200
COMMENTARY = re.compile(r"\bcommentar(y|ies)\b", re.IGNORECASE)
DESCRIPTION = re.compile(r"\b(audio description|descriptive audio)\b", re.IGNORECASE)
# Labels of channels that have no place in a room, as libav writes them in a layout's name.
NO_PLACE = re.compile(r"\((?:.*\+)?(?:UNSD|UNK|NONE|USR)")
# PyAV 18 frees the list of a layout that has one (channels in an order of their own, or without a place) each time
# that it has shown the layout, and the process dies. What is kept here is never freed: this process ends soon.
never_freed: list[Any] = []
# The kinds whose track is the sound of the video as most people want to hear it.
WHOLE_KINDS = ("main", "dub")


def is_usable(context: Any) -> bool:
    """Return whether a sound has a decoder, and rate and channels that any recorder could have made."""
    return context is not None and is_likely(context.sample_rate, channels_of(context))


def may_be_usable(context: Any) -> bool:
    """Return the same, also for a sound that begins so late in its file that rate and channels are not known yet."""
    return context is not None and is_likely(
        context.sample_rate or SAMPLE_RATES[0], channels_of(context) or 1
    )


def channels_of(context: Any) -> int:
    """Return the number of channels, 0 where it is not known."""
    layout = context.layout
    never_freed.append(layout)
    return int(layout.nb_channels)


def is_likely(rate: int, channels: int) -> bool:
    """Return whether any recorder could have made this rate and number of channels."""
    return rate in SAMPLE_RATES and 0 < channels <= MOST_CHANNELS


def describe_sounds(container: Any) -> list[dict[str, Any]]:
    """Return what each audio stream says of itself; `number` counts from 1, as players' menus do."""
    return [
        {
            "number": number,
            "stream": stream.index,
            "codec": stream.codec_context.name if stream.codec_context else "",
            "language": language(stream),
            "title": title(stream.metadata),
            "kind": kind(stream.disposition, title(stream.metadata)),
            "is_default": bool(stream.disposition & Disposition.default),
            "is_usable": may_be_usable(stream.codec_context),
        }
        for number, stream in enumerate(container.streams.audio, 1)
    ]


def title(metadata: dict[str, str]) -> str:
    """Return the track's title: `title` in Matroska and others, `name` in MP4."""
    found = {key.lower(): text for key, text in metadata.items()}
    return str(found.get("title") or found.get("name") or "")[:LONGEST_TITLE]


def kind(disposition: Any, title: str) -> str:
    """Return a word of film.py's AudioKind, by the track's flags and else by what its title says in English."""
    if disposition & (Disposition.visual_impaired | Disposition.descriptions) or DESCRIPTION.search(title):
        return "description"
    if disposition & Disposition.comment or COMMENTARY.search(title):
        return "commentary"
    if disposition & Disposition.hearing_impaired:
        return "enhanced-audio-intelligibility"
    return "dub" if disposition & Disposition.dub else "main"


def choose_sounds(
    path: str, formats: str, sounds: list[dict[str, Any]], spans: dict[int, list[Fraction]], most: int
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the sounds that can be decoded, at most `most`, and a sentence for each that is left out.

    The first one is the default: the one that is flagged so. Where several are flagged or none (Matroska flags a
    track that does not say otherwise), it is the first that is no commentary and no description. The others follow
    in the order of the file. A track without packets is not mentioned.
    """
    kept: list[dict[str, Any]] = []
    warnings = []
    present = [sound for sound in sounds if not sound["is_usable"] or sound["stream"] in spans]
    for sound in preferred_first(present):
        if len(kept) == most:
            warnings.append(f"Only {most} of the {len(present)} audio tracks were kept.")
            break
        heard = listen(path, formats, sound["stream"]) if sound["is_usable"] else None
        if heard is None:
            warnings.append(f"Audio track {sound['number']} cannot be decoded and was left out.")
            continue
        start, end = spans[sound["stream"]]
        kept.append({**sound, "start_seconds": start, "end_seconds": end, **heard})
    return [as_found(sound) for sound in default_first(kept)], warnings


def preferred_first(sounds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the sounds in the order in which they may be the default."""
    return sorted(sounds, key=lambda sound: (not sound["is_default"], sound["kind"] not in WHOLE_KINDS))


def default_first(kept: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the most preferred sound, then the others in the order of the file."""
    return kept[:1] + sorted(kept[1:], key=lambda sound: int(sound["number"]))


def as_found(sound: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of film.py's Sound."""
    return {name: value for name, value in sound.items() if name not in ("number", "is_default", "is_usable")}


def listen(path: str, formats: str, index: int) -> dict[str, Any] | None:
    """Return the number of channels and whether they mix down to stereo, None where nothing can be decoded.

    More channels than any layout has, without a word on where each belongs, cannot be mixed.
    """
    frame = next(frames_of(path, formats, index), None)
    return None if frame is None else {"channels": frame.layout.nb_channels, "is_mixable": mixes(frame)}


def mixes(frame: Any) -> bool:
    """Return whether the frame's channels have places, so that stereo can be made of them."""
    if "(" in frame.layout.name:
        return NO_PLACE.search(frame.layout.name) is None
    try:
        av.AudioResampler("fltp", "stereo").resample(frame)
    except (av.FFmpegError, ValueError):
        return False
    return True


def frames_of(path: str, formats: str, index: int) -> Iterator[Any]:
    """Yield what the first packets of the sound decode to."""
    with open_source(path, formats) as container:
        for packet in islice(packets_of(container, container.streams[index]), PACKETS_TRIED):
            try:
                frames = packet.decode()
            except (av.FFmpegError, ValueError):
                continue
            never_freed.append(frames)
            yield from (
                frame
                for frame in frames
                if frame.samples and is_likely(frame.sample_rate, frame.layout.nb_channels)
            )


def zero(film: dict[str, Any], sound: dict[str, Any] | None) -> Fraction:
    """Return the video's zero: the picture's start, or the default sound's where it is clearly earlier."""
    start: Fraction = film["video_start_seconds"]
    is_apart = sound is not None and abs(sound["start_seconds"] - start) > Fraction(1, 10)
    return min(start, sound["start_seconds"]) if sound and is_apart else start
