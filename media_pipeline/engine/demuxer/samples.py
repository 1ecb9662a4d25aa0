"""Look at pictures spread over the whole video, at a cost that does not grow with its length."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, islice
from typing import Any, NamedTuple

import av

from .appearance import Appearance, appearance
from .source import open_source, packets_of

# So many key frames are looked at, one in each part of the video of equal length.
SAMPLES = 10
# A size that is seen in at least this share of the samples lasts; a shorter one is a glitch or a title.
LASTING_SHARE = Fraction(1, SAMPLES)
# Packets read after a seek to find a key frame, and decoded after it until a picture comes.
PACKETS_READ, PACKETS_DECODED = 500, 16


class Sample(NamedTuple):
    """What the picture at an instant looks like, None where it does not decode."""

    at_seconds: Fraction
    seen: Appearance | None
    is_damaged: bool


def sample(path: str, formats: str, film: dict[str, Any], max_pixels: int) -> list[Sample]:
    """Return a sample of each part of the video, none where the file cannot be searched.

    Each is the latest key frame at its instant, so parts without one share the picture before them.
    """
    start, end = film["video_start_seconds"], film["video_end_seconds"]
    seen: dict[int, tuple[Appearance | None, bool]] = {}
    found = []
    with open_source(path, formats) as container:
        stream = container.streams[film["video_stream"]]
        stream.codec_context.options = {"max_pixels": str(max_pixels)}
        for number in range(SAMPLES):
            at = start + (end - start) * Fraction(2 * number + 1, 2 * SAMPLES)
            try:
                container.seek(int(at / stream.time_base), stream=stream)
            except av.FFmpegError:
                break
            packets = islice(packets_of(container, stream), PACKETS_READ)
            key = next((packet for packet in packets if packet.is_keyframe and packet.pts is not None), None)
            if key is None:
                continue
            if key.pts not in seen:
                seen[key.pts] = first_picture(stream, key, packets)
            found.append(Sample(at, *seen[key.pts]))
    return found


def first_picture(stream: Any, key: Any, following: Iterator[Any]) -> tuple[Appearance | None, bool]:
    """Return what a key frame looks like, None where it does not decode, and whether that is because of damage.

    Some decoders need more packets for a picture; one that never complains of the key frame is only waiting.
    """
    context = stream.codec_context
    # Some decoders pass over what an interrupted download left as zeros.
    is_refused = not any(bytes(key))
    alone = [key]
    for packets in (alone, chain([key], islice(following, PACKETS_DECODED))):
        context.flush_buffers()
        for packet in chain(packets, [None]):
            try:
                frames = context.decode(packet)
            except (av.FFmpegError, ValueError):
                is_refused = is_refused or packet is key
                continue
            if frames:
                is_refused = is_refused and packets is not alone
                aspect = context.sample_aspect_ratio or stream.sample_aspect_ratio
                return appearance(frames[0], aspect), is_refused
    return None, is_refused


def lasting(seen: list[Appearance]) -> Appearance:
    """Return the first of the largest size that lasts."""
    largest_first = sorted((each.pixels for each in seen), reverse=True)
    pixels = largest_first[max(1, int(LASTING_SHARE * len(seen))) - 1]
    return next(each for each in seen if each.pixels == pixels)
