"""Open an untrusted file and read its packets, and refuse what is no video."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

BOX_HEADER_BYTES, BOXES_READ = 8, 64


class Refused(Exception):
    """The file is no video; the argument is a word of probe.py's table."""


def open_source(path: str, formats: str) -> Any:
    """Open `path` as one of `formats` and nothing else: no playlist, no other file, no address."""
    try:
        return av.open(
            f"file:{path}",
            options={
                "protocol_whitelist": "file",
                "format_whitelist": formats,
                "max_streams": "64",
                "probesize": "20000000",
                "analyzeduration": "10000000",
                "fflags": "+genpts",
            },
            metadata_errors="replace",
        )
    except MemoryError as error:  # Measured: what libav answers to more streams than max_streams.
        raise Refused("streams") from error
    except (av.FFmpegError, ValueError) as error:
        raise Refused("incomplete" if lacks_index(Path(path)) else "format") from error


def lacks_index(path: Path) -> bool:
    """Return whether this is an MP4 whose upload ended before its index (`moov`) came."""
    size = path.stat().st_size
    seen: set[bytes] = set()
    with path.open("rb") as file:
        while len(header := file.read(16)) >= BOX_HEADER_BYTES and len(seen) < BOXES_READ:
            length, name = int.from_bytes(header[:4]), header[4:8]
            length = int.from_bytes(header[8:16]) if length == 1 else length or size
            seen.add(name)
            # A raw stream begins with a start code, which read as a box is longer than any file.
            if not BOX_HEADER_BYTES <= length <= size:
                break
            file.seek(length - len(header), 1)
    return bool(seen & {b"ftyp", b"mdat"}) and b"moov" not in seen


def sized(packets: Iterator[Any]) -> Iterator[Any]:
    """Leave out what the scan leaves out, so that both count alike."""
    return (packet for packet in packets if packet.pts is not None and packet.size)


def packets_of(container: Any, streams: Any) -> Iterator[Any]:
    """Yield the packets up to the end, or to where the file can no longer be read."""
    try:
        yield from demux(container, streams)
    except av.FFmpegError:
        return


def demux(container: Any, streams: Any) -> Iterator[Any]:
    """Yield the packets of `streams`; raises av.FFmpegError where the file can no longer be read."""
    while True:
        try:
            yield from container.demux(streams)
        except IndexError:
            # PyAV's answer to a stream that begins in mid-file; asked again, it goes on behind that packet.
            continue
        return
