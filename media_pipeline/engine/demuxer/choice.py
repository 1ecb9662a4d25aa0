"""Which of several picture streams is the video."""

from fractions import Fraction
from typing import Any, NamedTuple

from av.stream import Disposition

from .picture import PICTURES_BESIDE, decode, refuse_undecodable
from .scan import Limits, refuse_many
from .source import Refused, open_source, packets_of

# A stream that lasts less than this share of the longest one is a still or a trailer beside it.
LASTING_SHARE = Fraction(1, 2)
# So many streams are decoded before the file is refused; each may take a pass over the file.
STREAMS_TRIED = 4


class Tally(NamedTuple):
    """What the packets of one stream say; in the order of preference, so that the greatest is the best."""

    lasts: bool
    is_default: bool
    pixels: int
    frames: int
    earliest: int

    @property
    def stream(self) -> int:
        """The stream's number in the file."""
        return -self.earliest


def choose_picture(container: Any, path: str, formats: str, limits: Limits) -> int:
    """Return the number of the stream that is the video; refuse a file that has none.

    As players choose: the stream flagged as default, then the largest, then the one with most pictures. Cover art
    and stills beside the video are never chosen, and a stream that cannot be decoded gives way to one that can.
    Of `container` no packet is read; `path` is the same file.
    """
    streams = [stream for stream in container.streams.video if not stream.disposition & PICTURES_BESIDE]
    if not streams:
        raise Refused("picture")
    if len(streams) == 1:
        refuse_undecodable(streams[0], limits.max_pixels)
        return int(streams[0].index)
    first_refusal = None
    for tally in sorted(count(path, formats, streams, limits), reverse=True)[:STREAMS_TRIED]:
        try:
            refuse_undecodable(container.streams[tally.stream], limits.max_pixels)
            refuse_broken(path, formats, tally.stream, limits.max_pixels)
        except Refused as refusal:
            first_refusal = first_refusal or refusal
        else:
            return tally.stream
    raise first_refusal or Refused("picture")


def refuse_broken(path: str, formats: str, index: int, max_pixels: int) -> None:
    """Refuse a stream of which no picture can be decoded."""
    if not any(decode(path, formats, index, max_pixels, skip) for skip in ("NONKEY", "NONE")):
        raise Refused("broken")


def count(path: str, formats: str, streams: list[Any], limits: Limits) -> list[Tally]:
    """Return a tally of each stream that has packets, in one pass and without decoding."""
    spans, frames = measure(path, formats, [stream.index for stream in streams], limits)
    longest = max((last - first for first, last in spans.values()), default=Fraction(0))
    return [
        Tally(
            lasts=spans[stream.index][1] - spans[stream.index][0] >= LASTING_SHARE * longest,
            is_default=bool(stream.disposition & Disposition.default),
            pixels=stream.codec_context.width * stream.codec_context.height if stream.codec_context else 0,
            frames=frames[stream.index],
            earliest=-stream.index,
        )
        for stream in streams
        if stream.index in spans
    ]


def measure(
    path: str, formats: str, indexes: list[int], limits: Limits
) -> tuple[dict[int, list[Fraction]], dict[int, int]]:
    """Return each stream's first and last instant and its number of pictures; damage ends the count."""
    spans: dict[int, list[Fraction]] = {}
    frames: dict[int, int] = {}
    held = 0
    with open_source(path, formats) as container:
        for number, packet in enumerate(
            packets_of(container, [container.streams[index] for index in indexes])
        ):
            refuse_many(number, number, held, limits)
            if packet.pts is None or not packet.size:
                continue
            held += packet.size
            at = packet.pts * packet.time_base
            span = spans.setdefault(packet.stream_index, [at, at])
            span[:] = [min(span[0], at), max(span[1], at)]
            frames[packet.stream_index] = frames.get(packet.stream_index, 0) + 1
    return spans, frames
