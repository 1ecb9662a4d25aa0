"""Read every packet of a file without decoding, and refuse what would be too much work."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate
from typing import Any, NamedTuple

import av

from .clock import Clock, may_jump
from .source import Refused, demux

# A sound that ends later than this after its last packet began is one that only claims to.
LONGEST_PACKET_SECONDS = 10
# Below four bytes a frame, over so many frames, nothing was encoded: an empty H.264 picture has about ten.
FRAMES_LOOKED_AT, FEWEST_BYTES_PER_FRAME = 100_000, 4
# A GIF frame may hold as few bytes as any, but each is pasted into a whole picture, and no real one is that empty.
GIF_SHARE = 100

Row = tuple[int, bool, bool, int]  # pts, key, shown, duration; in decoding order


class Limits(NamedTuple):
    """What a file may ask of us; the names of film.py's Limits."""

    max_pixels: int
    max_seconds: float
    max_packets: int
    max_frames: int
    free_pixels: int
    pixels_per_byte: int
    max_audio_tracks: int


def scan(
    container: Any, video: Any, audios: list[Any], limits: Limits | None = None
) -> tuple[list[Row], dict[int, list[Fraction]], bool]:
    """Read every packet without decoding: the video's rows, each sound's first and last instant, and whether
    the file could be read to its end. Without `limits` for a file that was scanned before.

    Refused with "jumps" or "untimed" where the clock jumps or there is none: the file has to be remuxed first.
    """
    rows: list[Row] = []
    spans: dict[int, list[Fraction]] = {}
    complete = True
    held = 0
    clock = Clock() if limits is not None and may_jump(container) else None
    try:
        for number, packet in enumerate(noted(demux(container, [video, *audios]), clock)):
            is_picture = packet.stream_index == video.index
            held += is_picture * packet.size
            if limits is not None:
                refuse_many(number, len(rows), held, limits)
            if packet.pts is None or not packet.size:
                continue
            if is_picture:
                rows.append((packet.pts, packet.is_keyframe, not packet.is_discard, packet.duration or 0))
            elif not packet.is_discard:
                extend(spans, packet)
    except av.FFmpegError:
        complete = False
    refuse_unsteady(clock, is_untimed=held > 0 and not rows)
    return rows, spans, complete


def noted(packets: Iterator[Any], clock: Clock | None) -> Iterator[Any]:
    """Yield the packets, and let the clock see those that have a time."""
    for packet in packets:
        if clock is not None and packet.pts is not None and packet.size:
            clock.add(packet)
        yield packet


def refuse_unsteady(clock: Clock | None, *, is_untimed: bool) -> None:
    """Refuse what has to be remuxed before it can be read by its times."""
    if is_untimed:
        raise Refused("untimed")
    if clock is not None and clock.jumps():
        raise Refused("jumps")


def refuse_many(packets: int, frames: int, held_bytes: int, limits: Limits) -> None:
    """Refuse a file in the middle of the scan: too many packets or frames, or frames of next to no bytes."""
    if packets > limits.max_packets:
        raise Refused("packets")
    is_hollow = frames > FRAMES_LOOKED_AT and held_bytes < FEWEST_BYTES_PER_FRAME * frames
    if is_hollow or frames > limits.max_frames:
        raise Refused("frames")


def refuse_long(rows: list[Row], base: Fraction | None, max_seconds: float) -> None:
    """Refuse packets so far apart, before anything is reckoned from their times."""
    if not base:
        raise Refused("broken")
    shown = [row[0] for row in rows if row[2]]
    if (max(shown) - min(shown)) * base > max_seconds:
        raise Refused("long")


def refuse_work(film: dict[str, Any], limits: Limits, size: int) -> None:
    """Refuse pictures whose decoding is out of all proportion to the bytes that hold them."""
    share = GIF_SHARE if film["video_codec"] == "gif" else 1
    allowed = limits.free_pixels + size * limits.pixels_per_byte // share
    if film["frames"] * film["width"] * film["height"] > allowed:
        raise Refused("work")


def strictly_rising(instants: list[int]) -> list[int]:
    """Return `instants` with equal ones moved on by a tick: badly joined videos show two pictures at one time."""
    return list(accumulate(instants, lambda before, instant: max(before + 1, instant)))


def extend(spans: dict[int, list[Fraction]], packet: Any) -> None:
    """Stretch the sound's span over `packet`."""
    start = packet.pts * packet.time_base
    end = start + min((packet.duration or 0) * packet.time_base, LONGEST_PACKET_SECONDS)
    span = spans.setdefault(packet.stream_index, [start, end])
    span[:] = [min(span[0], start), max(span[1], end)]
