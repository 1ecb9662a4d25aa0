"""Read and join fragmented MP4 files by their boxes (ISO/IEC 14496-12), without a demuxer."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

HEADERS = (b"ftyp", b"moov")
PAYLOAD = (b"moof", b"mdat")
BOX_HEADER_BYTES = 8
VERSION_AND_FLAGS_BYTES = 4


class NotContinuous(Exception):
    """Files that should be parts of one video are not."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What one fragmented file holds: its header bytes, and for each fragment its first tick and its frames."""

    header: bytes
    starts: tuple[int, ...]
    frames: tuple[int, ...]


def read_parts(path: Path) -> Parts:
    """Return the header and the fragments' figures of `path`, which holds one track."""
    header, starts, frames = b"", [], []
    with path.open("rb") as file:
        for name, length in _boxes(file):
            if name in HEADERS:
                header += file.read(length)
            elif name == b"moof":
                start, count = _fragment(file.read(length))
                starts.append(start)
                frames.append(count)
    return Parts(header, tuple(starts), tuple(frames))


@dataclass(frozen=True, slots=True)
class Fragment:
    """One fragment's bytes in its file, from the first to before the end, and its number of frames."""

    first: int
    end: int
    frames: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of a fragmented file lie: the header from its first byte, then the fragments."""

    header_bytes: int
    fragments: tuple[Fragment, ...]


def read_layout(path: Path) -> Layout:
    """Return where header and fragments of `path` lie, which holds one track; no picture is read."""
    header_bytes, place, fragments = 0, 0, []
    with path.open("rb") as file:
        for name, length in _boxes(file):
            if name in HEADERS:
                header_bytes = place + length
            elif name == b"moof":
                _, frames = _fragment(file.read(length))
                fragments.append(Fragment(place, place + length, frames))
            elif name == b"mdat" and fragments:
                fragments[-1] = replace(fragments[-1], end=place + length)
            place += length
    return Layout(header_bytes, tuple(fragments))


def h264_codec(path: Path) -> str:
    """Return the codec of the H.264 track in `path` as playlists name it (RFC 6381): avc1.64001f."""
    profile = read_parts(path).header.partition(b"avcC")[2][1:4]
    if not profile:
        raise ValueError("the file has no H.264 track")
    return f"avc1.{profile.hex()}"


def join(files: Sequence[Path], into: Path) -> None:
    """Write `files` as one fragmented MP4: the header once, then every fragment, bytes unchanged.

    Raises NotContinuous where the headers differ or time does not rise: then they are not parts of one encode.
    """
    parts = [read_parts(path) for path in files]
    starts = [start for part in parts for start in part.starts]
    if len({part.header for part in parts}) != 1:
        raise NotContinuous("the chunks were encoded with different headers")
    if starts != sorted(set(starts)):
        raise NotContinuous("the chunks do not follow each other in time")
    with into.open("wb") as target:
        target.write(parts[0].header)
        for path in files:
            with path.open("rb") as file:
                for name, length in _boxes(file):
                    if name in PAYLOAD:
                        _copy(file, target, length)


def clear_times(path: Path) -> None:
    """Set the times of creation in a header file to 0, so that the same video is the same bytes whenever it is made."""
    content = bytearray(path.read_bytes())
    for name in (b"mvhd", b"tkhd", b"mdhd"):
        for found in re.finditer(name, content):
            width = 16 if content[found.end()] == 1 else 8
            start = found.end() + VERSION_AND_FLAGS_BYTES
            content[start : start + width] = bytes(width)
    path.write_bytes(content)


def _boxes(file: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield name and whole length of each box with the file standing at the box's first byte."""
    place = 0
    while len(head := file.read(16)) >= BOX_HEADER_BYTES:
        length = int.from_bytes(head[:4])
        if length == 1:
            length = int.from_bytes(head[8:])
        file.seek(place)
        yield head[4:8], length
        place += length
        file.seek(place)


def _copy(source: IO[bytes], target: IO[bytes], length: int) -> None:
    while length and (block := source.read(min(length, 1 << 20))):
        target.write(block)
        length -= len(block)


def _fragment(moof: bytes) -> tuple[int, int]:
    """Return the decoding time of the fragment's first frame (tfdt) and its number of frames (trun)."""
    start, frames = 0, 0
    for name, body in _inside(moof[8:]):
        if name == b"traf":
            for inner, content in _inside(body):
                if inner == b"tfdt":
                    start = int.from_bytes(content[4:12] if content[0] == 1 else content[4:8])
                elif inner == b"trun":
                    frames += int.from_bytes(content[4:8])
    return start, frames


def _inside(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    while place + 8 <= len(content):
        length = int.from_bytes(content[place : place + 4])
        yield content[place + 4 : place + 8], content[place + 8 : place + length]
        place += max(8, length)
