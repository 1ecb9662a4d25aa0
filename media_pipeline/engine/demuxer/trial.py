"""Find out by decoding a few pictures whether a video of an unusual codec can be cut into pieces."""

from collections.abc import Iterable
from itertools import islice
from typing import Any
from zlib import crc32

import av

from .carriage import Carriage, choose_carriage
from .scan import Row
from .source import open_source, packets_of, sized

# Cut exactly in every video that was ever tried: a test compares them with the whole run, frame by frame.
USUAL = {"h264", "hevc", "vp8", "vp9", "mpeg1video", "mpeg2video", "mpeg4", "mjpeg", "gif", "ffv1"}
PACKETS_TRIED, PIXELS_TRIED, FEWEST_TRIED = 120, 150_000_000, 8


def how_to_cut(path: str, formats: str, index: int, max_pixels: int, rows: list[Row]) -> dict[str, Any]:
    """Return `in_one_piece` where pieces would not decode to the same pictures, and the `decoder` that they need.

    A piece holds the packets from a key frame on, the codec's extradata and the picture's size, and no more: not
    the bits per sample, nor a palette, which a few codecs need. What those decode to tells, whatever the codec.
    """
    with open_source(path, formats) as container:
        stream = container.streams[index]
        stream.codec_context.options = {"max_pixels": str(max_pixels)}
        carriage = choose_carriage(stream)
        name = stream.codec_context.name
        if carriage is None:
            return {"in_one_piece": True, "decoder": ""}
        is_cut = name in USUAL or _decodes_alone(container, stream, rows, carriage)
    return {"in_one_piece": not is_cut, "decoder": "" if carriage.is_named else name}


def _decodes_alone(container: Any, stream: Any, rows: list[Row], carriage: Carriage) -> bool:
    context = stream.codec_context
    pixels = max(1, context.width * context.height)
    count = min(PACKETS_TRIED, max(FEWEST_TRIED, PIXELS_TRIED // pixels))
    packets = list(islice(sized(packets_of(container, stream)), count))
    later_keys = [number for number, row in enumerate(rows[:count]) if row[1] and number]
    begin = later_keys[0] if later_keys else 0
    alone = [_bare(packet) for packet in packets[begin:]]
    first = rows[begin][0]
    whole = [frame for frame in _pictures(context, packets) if frame[0] >= first]
    return bool(whole) and whole == [
        frame for frame in _pictures(_fresh(context, carriage), alone) if frame[0] >= first
    ]


def _fresh(context: Any, carriage: Carriage) -> Any:
    """Return a decoder that knows only what a piece would tell it."""
    fresh = av.CodecContext.create(context.name, "r")
    fresh.width, fresh.height = context.width, context.height
    fresh.extradata = context.extradata
    fresh.options = context.options
    if carriage.keeps_tag:
        fresh.codec_tag = context.codec_tag
    return fresh


def _bare(packet: Any) -> Any:
    own = av.Packet(bytes(packet))
    own.pts, own.dts, own.time_base = packet.pts, packet.dts, packet.time_base
    own.is_keyframe = packet.is_keyframe
    return own


def _pictures(context: Any, packets: Iterable[Any]) -> list[tuple[int, str, int]]:
    """Return time, format and check sum of every picture that the packets decode to; what is damaged is left out."""
    found = []
    for packet in [*packets, None]:
        try:
            found += [(frame.pts or 0, frame.format.name, _sum(frame)) for frame in context.decode(packet)]
        except (av.FFmpegError, ValueError):
            continue
    return found


def _sum(frame: Any) -> int:
    """Return a check sum of the first samples of each line: behind them lie bytes that were never written."""
    total = crc32(f"{frame.width}x{frame.height}".encode())
    for plane in frame.planes:
        lines, wide = memoryview(plane), min(plane.width, plane.line_size)
        for start in range(0, plane.line_size * plane.height, plane.line_size):
            total = crc32(lines[start : start + wide], total)
    return total
