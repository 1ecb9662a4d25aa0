"""Copy pictures and sounds into a file with one steady clock."""

import io
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av
from av.bitstream import BitStreamFilterContext

from .clock import Clock
from .picture import PICTURES_BESIDE
from .scan import strictly_rising
from .source import Refused, open_source, packets_of, sized

# The new clock begins here, since decoding begins before the first picture is shown and NUT takes no negative times;
# below a second, since Matroska's header counts from 0, and a file that is a second short is taken for cut off.
START_SECONDS, START_PICTURES = Fraction(1, 2), 8
# NUT keeps times exactly; Matroska has them in milliseconds, and takes more kinds of sound.
CONTAINERS = ("nut", "matroska")


def remux(path: str, formats: str, target: str, max_pixels: int) -> dict[str, Any]:
    """Write the pictures and sounds of `path` into the file `target`, its times rising from the start to the end.

    Parts between jumps of the clock are laid end to end. A raw stream gets its times from the order of its pictures.
    """
    with open_source(path, formats) as container:
        kept, into = _choose_container(container)
        video = next((index for index in kept if container.streams[index].type == "video"), None)
        if video is None:
            raise Refused("clock")
        is_timed = any(True for _ in sized(packets_of(container, container.streams[video])))
    times = _steady(path, formats, kept) if is_timed else {video: _by_order(path, formats, video, max_pixels)}
    with open_source(path, formats) as container, av.open(f"file:{target}", "w", format=into) as remuxed:
        _write(container, times, remuxed, is_timed=is_timed)
    return {"streams": len(times)}


def _choose_container(source: Any) -> tuple[list[int], str]:
    """Return the streams that are kept, and the container that takes most of them."""
    pictures = [stream for stream in source.streams.video if not stream.disposition & PICTURES_BESIDE]
    wanted = [stream for stream in (*pictures, *source.streams.audio) if stream.codec_context is not None]
    choices = [([stream.index for stream in wanted if _takes(name, stream)], name) for name in CONTAINERS]
    return max(choices, key=lambda choice: len(choice[0]))


def _takes(name: str, stream: Any) -> bool:
    try:
        with av.open(io.BytesIO(), "w", format=name) as container:
            container.add_stream_from_template(stream, opaque=True)
            container.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def _steady(path: str, formats: str, kept: list[int]) -> dict[int, list[int]]:
    """Return for each stream the times of its packets on a clock without jumps, in ticks."""
    clock = Clock()
    found: dict[int, list[tuple[int, int]]] = {}
    bases: dict[int, Fraction] = {}
    with open_source(path, formats) as container:
        for packet in sized(packets_of(container, [container.streams[index] for index in kept])):
            found.setdefault(packet.stream_index, []).append((packet.pts, clock.add(packet)))
            bases[packet.stream_index] = packet.time_base
    offsets = clock.offsets()
    zero = min(pts * bases[index] + offsets[index][run] for index in found for pts, run in found[index])
    return {
        index: [
            pts + round((offsets[index][run] + START_SECONDS - zero) / bases[index]) for pts, run in packets
        ]
        for index, packets in found.items()
    }


def _by_order(path: str, formats: str, video: int, max_pixels: int) -> list[int]:
    """Return the times of a raw stream's packets, one frame apart, in the order in which they are shown."""
    with open_source(path, formats) as container:
        stream = container.streams[video]
        tick = _frame_ticks(stream)
        # A whole number of pictures: half a one would be rounded to the grid of the output, and show one twice.
        start = START_PICTURES * tick
    places = _places_by_header(path, formats, video) or _places_by_decoding(path, formats, video, max_pixels)
    ordered = sorted(range(len(places)), key=places.__getitem__)
    ranks = {number: rank for rank, number in enumerate(ordered)}
    return [start + ranks[number] * tick for number in range(len(places))]


def _places_by_header(path: str, formats: str, video: int) -> list[float] | None:
    """Return the place of each packet among the pictures as shown, None where the codec's headers do not tell.

    Measured: right for all but interlaced H.264, where places are missing, and for the last packet.
    """
    with open_source(path, formats) as container:
        stream = container.streams[video]
        tick = _frame_ticks(stream)
        try:
            order = BitStreamFilterContext("dts2pts", stream)
            found = [packet.pts / tick for packet in _filtered(container, stream, order, tick)]
        except (av.FFmpegError, ValueError, TypeError):
            return None
    known = sorted(found[:-1])
    is_whole = all(later - earlier == 1 for earlier, later in pairwise(known))
    return found if is_whole else None


def _filtered(container: Any, stream: Any, order: Any, tick: int) -> Iterator[Any]:
    packets = (packet for packet in packets_of(container, stream) if packet.size)
    for number, packet in enumerate(packets):
        packet.dts, packet.duration, packet.time_base = number * tick, tick, stream.time_base
        yield from order.filter(packet)
    yield from order.filter(None)


def _places_by_decoding(path: str, formats: str, video: int, max_pixels: int) -> list[float]:
    """Return the same for any codec, by decoding all of it; a packet without a picture goes behind the one before."""
    places: dict[int, float] = {}
    count = 0
    with open_source(path, formats) as container:
        stream = container.streams[video]
        stream.codec_context.options = {"max_pixels": str(max_pixels)}
        for packet in packets_of(container, stream):
            if packet.size:
                packet.pts = packet.dts = count
                count += 1
            try:
                for frame in stream.codec_context.decode(packet if packet.size else None):
                    places.setdefault(frame.pts, len(places))
            except (av.FFmpegError, ValueError):
                continue
    if not places:
        raise Refused("broken")
    for number in range(count):
        places.setdefault(number, places.get(number - 1, -1) + 0.5)
    return [places[number] for number in range(count)]


def _frame_ticks(stream: Any) -> int:
    rate = Fraction(stream.guessed_rate or stream.average_rate or 25)
    return max(1, round(1 / rate / Fraction(stream.time_base)))


def _write(container: Any, times: dict[int, list[int]], into: Any, *, is_timed: bool) -> None:
    streams = [container.streams[index] for index in sorted(times)]
    shown = {index: iter(instants) for index, instants in times.items()}
    decoded = {index: iter(_decoding_times(instants)) for index, instants in times.items()}
    copies = {}
    for stream in streams:
        copies[stream.index] = copy = into.add_stream_from_template(stream, opaque=True)
        copy.time_base = stream.time_base
        copy.metadata.update(stream.metadata)
        copy.disposition = stream.disposition
    for packet in packets_of(container, streams):
        if not packet.size or (is_timed and packet.pts is None):
            continue
        own = av.Packet(bytes(packet))
        own.stream, own.time_base = copies[packet.stream_index], packet.time_base
        own.pts, own.dts = next(shown[packet.stream_index]), next(decoded[packet.stream_index])
        own.duration, own.is_keyframe = packet.duration or 0, packet.is_keyframe
        into.mux_one(own)


def _decoding_times(shown_at: list[int]) -> list[int]:
    ordered = strictly_rising(sorted(shown_at))
    reorder = max((planned - pts for planned, pts in zip(ordered, shown_at, strict=True)), default=0)
    return [max(number, instant - reorder) for number, instant in enumerate(ordered)]
