"""Cut a video into pieces that decode by themselves, without decoding."""

from bisect import bisect_right
from collections import deque
from fractions import Fraction
from itertools import accumulate
from typing import Any, NamedTuple

import av

from .carriage import Carriage, choose_carriage, open_piece
from .scan import Row, scan, strictly_rising
from .source import Refused, open_source, packets_of, sized


class Wanted(NamedTuple):
    """A piece to write: its first and last packet in decoding order, its file, and how much later it starts."""

    begin: int
    end: int
    target: str
    shift_seconds: int


def cut(  # noqa: PLR0913 - the fields of the question
    path: str, formats: str, index: int, ranges: list[list[str]], margin: str, shift_seconds: int, into: str
) -> dict[str, Any]:
    """Copy the packets that each range of seconds needs into a NUT file of its own; decode nothing."""
    with open_source(path, formats) as container:
        stream = container.streams[index]
        base = stream.time_base
        rows, _, _ = scan(container, stream, [])
    seconds = [(Fraction(first), Fraction(last) + Fraction(margin)) for first, last in ranges]
    spans = choose_spans(rows, [(first / base, last / base) for first, last in seconds])
    wanted = [
        Wanted(begin, end, f"{into}/{number:05}.nut", shift_seconds)
        for number, (begin, end) in enumerate(spans)
    ]
    with open_source(path, formats) as container:
        copy(container, container.streams[index], rows, wanted)
    return {"pieces": len(spans)}


def choose_spans(rows: list[Row], ranges: list[tuple[Fraction, Fraction]]) -> list[tuple[int, int]]:
    """Return for each range the packets (first and last, in decoding order) with which all of it decodes.

    A span begins at the key frame before the second last frame shown at or before the range, for a frame may be
    shown by rounding up to half a frame early, and the leading pictures of an open GOP need the GOP before.
    """
    shown = sorted(row[0] for row in rows if row[2])
    keys = [number for number, row in enumerate(rows) if row[1]] or [0]
    lowest_key = lowest_from_here([rows[number][0] for number in keys])
    lowest = lowest_from_here([row[0] for row in rows])
    spans = []
    for first, last in ranges:
        needed = shown[max(0, bisect_right(shown, first) - 2)]
        begin = keys[max(0, bisect_right(lowest_key, needed) - 1)] if lowest_key[0] <= needed else 0
        spans.append((begin, max(begin, bisect_right(lowest, last) - 1)))
    return spans


def lowest_from_here(instants: list[int]) -> list[int]:
    """Return for each place the least of it and all that follow: a rising list, so that it can be searched."""
    return list(accumulate(reversed(instants), min))[::-1]


def copy(container: Any, stream: Any, rows: list[Row], wanted: list[Wanted]) -> None:
    """Write the pieces in one pass; neighbours overlap, so a packet may go to more than one."""
    waiting = deque(sorted(wanted))
    pieces: list[Piece] = []
    carriage = choose_carriage(stream)
    if carriage is None:
        raise Refused("codec")
    for number, packet in enumerate(sized(packets_of(container, stream))):
        while waiting and waiting[0].begin == number:
            next_one = waiting.popleft()
            shown_at = [row[0] for row in rows[number : next_one.end + 1]]
            pieces.append(Piece(next_one, stream, carriage, shown_at))
        for piece in pieces:
            piece.add(packet)
            if number == piece.end:
                piece.close()
        pieces = [piece for piece in pieces if number < piece.end]
    for piece in pieces:
        piece.close()


class Piece:
    """One NUT file with renumbered decoding times: NUT refuses missing, negative and unordered ones."""

    def __init__(self, wanted: Wanted, stream: Any, carriage: Carriage, shown_at: list[int]) -> None:
        self.end = wanted.end
        self._base = stream.time_base
        self._container, self._stream = open_piece(f"file:{wanted.target}", stream, carriage)
        self._shift = round(wanted.shift_seconds / self._base)
        ordered = strictly_rising(sorted(shown_at))
        reorder = max(planned - pts for planned, pts in zip(ordered, shown_at, strict=True))
        self._decoded_at = iter([instant - reorder for instant in ordered])

    def add(self, packet: Any) -> None:
        """Append a copy of `packet`; the original may be needed by the next piece."""
        own = av.Packet(bytes(packet))
        own.stream = self._stream
        own.time_base = self._base
        own.pts = packet.pts + self._shift
        own.dts = next(self._decoded_at) + self._shift
        own.duration = packet.duration or 0
        own.is_keyframe = packet.is_keyframe
        self._container.mux_one(own)

    def close(self) -> None:
        """Finish the file."""
        self._container.close()
