"""Find where the clock of a source jumps, and lay the parts end to end, as players do."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

# Containers that libav marks so (AVFMT_TS_DISCONT): their clock may restart. FLV's is not marked, and does.
MAY_JUMP, ALSO_JUMPING = 0x0200, {"flv"}
# What ffmpeg takes for a jump: further back than the first, or further ahead than the second.
BACK_SECONDS, AHEAD_SECONDS = Fraction(1, 10), Fraction(10)


def may_jump(container: Any) -> bool:
    """Return whether the container is one whose clock may jump."""
    return bool(container.format.flags & MAY_JUMP) or container.format.name in ALSO_JUMPING


@dataclass(slots=True)
class Run:
    """Packets of one stream whose times follow each other, in ticks of `base`, and where they lie in the file."""

    stream: int
    base: Fraction
    first_byte: int
    last_byte: int
    start: int
    end: int
    offset: Fraction = Fraction(0)

    @property
    def start_seconds(self) -> Fraction:
        """When the first picture or sound begins."""
        return self.start * self.base

    @property
    def end_seconds(self) -> Fraction:
        """When the last picture or sound ends."""
        return self.end * self.base


class Track:
    """The runs of one stream."""

    def __init__(self, stream: int, base: Fraction) -> None:
        self.runs: list[Run] = []
        self._stream, self._base = stream, base
        self._back, self._ahead = int(BACK_SECONDS / base), int(AHEAD_SECONDS / base)
        self._byte = 0
        self._last = self._next = 0

    def add(self, packet: Any) -> int:
        """Take note of `packet` and return the number of the run that it belongs to."""
        at = packet.pts if packet.dts is None else packet.dts
        if packet.pos is not None and packet.pos >= 0:
            self._byte = packet.pos
        if not self.runs or at < self._last - self._back or at > self._next + self._ahead:
            self.runs.append(
                Run(self._stream, self._base, self._byte, self._byte, packet.pts, packet.pts),
            )
        length = packet.duration or 0
        run = self.runs[-1]
        run.start, run.end = min(run.start, packet.pts), max(run.end, packet.pts + length)
        run.last_byte = self._byte
        self._last, self._next = at, at + length
        return len(self.runs) - 1


class Clock:
    """What the packets of a file say of its clock: to be fed with all of them, in the file's order."""

    def __init__(self) -> None:
        self._tracks: dict[int, Track] = {}

    def add(self, packet: Any) -> int:
        """Take note of `packet` and return the number of its stream's run that it belongs to."""
        track = self._tracks.get(packet.stream_index)
        if track is None:
            track = self._tracks[packet.stream_index] = Track(packet.stream_index, packet.time_base)
        return track.add(packet)

    def jumps(self) -> bool:
        """Return whether the clock jumps anywhere. Streams that pause, or stray for a moment, do not count."""
        if all(len(track.runs) == 1 for track in self._tracks.values()):
            return False
        return len({offset for offsets in self.offsets().values() for offset in offsets}) > 1

    def offsets(self) -> dict[int, list[Fraction]]:
        """Return for each run of each stream the seconds to add, so that all follow each other without overlap."""
        ends: dict[int, Fraction] = {}
        before: set[int] = set()
        for part in self._parts():
            beside = self._beside(part)
            offset = _beside_others(part, beside, ends) if beside else _end_to_end(part, ends, before)
            for run in part:
                run.offset = offset
                end = run.end_seconds + offset
                ends[run.stream] = max(ends.get(run.stream, end), end)
            before = {run.stream for run in (*part, *beside)}
        return {index: [run.offset for run in track.runs] for index, track in self._tracks.items()}

    def _parts(self) -> list[list[Run]]:
        """Return the runs in groups that share a clock: none has two of one stream, each begins at a jump."""
        runs = sorted((run for track in self._tracks.values() for run in track.runs), key=_first_byte)
        parts: list[list[Run]] = []
        for run in runs:
            if not parts or any(run.stream == other.stream for other in parts[-1]):
                parts.append([])
            parts[-1].append(run)
        return parts

    def _beside(self, part: list[Run]) -> list[Run]:
        """Return the runs of other streams that go on where `part` begins: then only a stream jumps, not the clock."""
        streams, begin = {run.stream for run in part}, part[0].first_byte
        return [
            run
            for track in self._tracks.values()
            for run in track.runs
            if run.stream not in streams and run.first_byte < begin < run.last_byte
        ]


def _first_byte(run: Run) -> int:
    return run.first_byte


def _end_to_end(part: list[Run], ends: dict[int, Fraction], before: set[int]) -> Fraction:
    """Return the offset with which no stream of `part` begins before its end so far, and one begins just there."""
    if not ends:
        return Fraction(0)
    if any(run.stream in before for run in part):
        return max(ends[run.stream] - run.start_seconds for run in part if run.stream in before)
    return max(ends.values()) - min(run.start_seconds for run in part)


def _beside_others(part: list[Run], beside: list[Run], ends: dict[int, Fraction]) -> Fraction:
    """Return the offset of the streams that go on beside `part`, or where it lies far from them, put it at its end."""
    start = min(run.start_seconds for run in part)
    earliest = min(run.start_seconds for run in beside) - AHEAD_SECONDS
    latest = max(run.end_seconds for run in beside) + AHEAD_SECONDS
    if earliest <= start <= latest:
        return beside[0].offset
    return max(ends.get(run.stream, latest + beside[0].offset) for run in part) - start
