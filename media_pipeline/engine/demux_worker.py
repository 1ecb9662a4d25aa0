"""Read packets of an untrusted file; run as a script in a limited process, never imported by a worker.

Arguments: "probe" or "cut", then one JSON object. Answers with one JSON object on stdout; `refused` in it is a word
that probe.py turns into the reason that the film's owner reads.
"""

import json
import re
import sys
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate, islice, pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any, NamedTuple

import av
from av.stream import Disposition

KEY_FRAMES_TRIED = 3
PACKETS_TRIED = 300
NEAR_SECONDS = 0.002
TEXT_CODECS = {"mov_text", "srt", "subrip", "ass", "ssa", "webvtt", "text"}
# Numbers of ITU-T H.273, as libav has them.
TRANSFERS = {16: "pq", 18: "hlg"}
FULL_RANGE = 2
HD_HEIGHT = 720
SLOWEST_MEASURED, FASTEST_MEASURED = Fraction(1, 100_000), 100_000
SLOWEST_RATE, FASTEST_RATE = Fraction(1, 2), 1000
WIDEST_ASPECT = Fraction(10)
BOX_HEADER_BYTES, BOXES_READ = 8, 64
TAG = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{1,8}){0,4}", re.ASCII)
# A sound that ends later than this after its last packet began is one that only claims to.
LONGEST_PACKET_SECONDS = 10
SAMPLE_RATES, MOST_CHANNELS = range(4_000, 768_001), 64
# Below four bytes a frame, over so many frames, nothing was encoded: an empty H.264 picture has about ten.
FRAMES_LOOKED_AT, FEWEST_BYTES_PER_FRAME = 100_000, 4
# A GIF frame may hold as few bytes as any, but each is pasted into a whole picture, and no real one is that empty.
GIF_SHARE = 100
# Containers whose header states a duration, written when the file was finished.
STATING_DURATION = ("mov", "matroska", "avi", "asf", "flv")
PICTURES_BESIDE = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails

Row = tuple[int, bool, bool, int]  # pts, key, shown, duration; in decoding order


class Limits(NamedTuple):
    """What a file may ask of us; the names of film.py's Limits."""

    max_pixels: int
    max_seconds: float
    max_packets: int
    max_frames: int
    free_pixels: int
    pixels_per_byte: int


class Wanted(NamedTuple):
    """A piece to write: its first and last packet in decoding order, its file, and how much later it starts."""

    begin: int
    end: int
    target: str
    shift_seconds: int


class Refused(Exception):
    """The file is no film; the argument is a word of probe.py's table."""


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
            if length < BOX_HEADER_BYTES:
                break
            file.seek(length - len(header), 1)
    return bool(seen & {b"ftyp", b"mdat"}) and b"moov" not in seen


def probe(path: str, formats: str, limits: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a Film, fractions as text."""
    return _probe(path, formats, Limits(**limits))


def _probe(path: str, formats: str, limits: Limits) -> dict[str, Any]:
    size = Path(path).stat().st_size
    with open_source(path, formats) as container:
        videos = [stream for stream in container.streams.video if not stream.disposition & PICTURES_BESIDE]
        if not videos:
            raise Refused("picture")
        refuse_undecodable(videos[0], limits.max_pixels)
        audios = [stream for stream in container.streams.audio if is_usable(stream.codec_context)]
        rows, spans, complete = scan(container, videos[0], audios, limits)
        stated = Fraction(container.duration or 0, av.time_base)
        if not any(shown for _, _, shown, _ in rows):
            raise Refused("picture")
        refuse_long(rows, videos[0].time_base, limits.max_seconds)
        film = describe(container, videos[0])
        film |= timing(rows, videos[0])
        sounds = [
            {"stream": stream.index, "codec": stream.codec_context.name, "language": language(stream)}
            for stream in audios
        ]
    if film["video_end_seconds"] - film["video_start_seconds"] > limits.max_seconds:
        raise Refused("long")
    film |= look(path, formats, film["video_stream"], limits.max_pixels)
    refuse_work(film, limits, size)
    sound = choose_sound(path, formats, sounds, spans)
    film |= zero(film, sound)
    ends = [film["video_end_seconds"]] + ([sound["end_seconds"]] if sound else [])
    if max(ends) - film["start_seconds"] > limits.max_seconds:
        raise Refused("long")
    starts = [film["video_start_seconds"]] + ([sound["start_seconds"]] if sound else [])
    stated_here = film["container"].startswith(STATING_DURATION)
    film["truncated"] = not complete or (stated_here and stated - (max(ends) - min(starts)) > 1)
    return film


def refuse_undecodable(stream: Any, max_pixels: int) -> None:
    """Refuse what has no decoder, and a picture too large, before one byte of it is decoded."""
    context = stream.codec_context
    if context is None:
        raise Refused("codec")
    if context.width * context.height > max_pixels:
        raise Refused("pixels")


def is_usable(context: Any) -> bool:
    """Return whether a sound has a decoder, and rate and channels that any recorder could have made."""
    return (
        context is not None and context.sample_rate in SAMPLE_RATES and 0 < context.channels <= MOST_CHANNELS
    )


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


def scan(
    container: Any, video: Any, audios: list[Any], limits: Limits | None = None
) -> tuple[list[Row], dict[int, list[Fraction]], bool]:
    """Read every packet without decoding: the video's rows, each sound's first and last instant, and whether
    the file could be read to its end. Without `limits` for a file that was scanned before."""
    rows: list[Row] = []
    spans: dict[int, list[Fraction]] = {}
    complete = True
    held = 0
    try:
        for number, packet in enumerate(container.demux([video, *audios])):
            if limits is not None:
                refuse_many(number, len(rows), held, limits)
            if packet.pts is None or not packet.size:
                continue
            if packet.stream_index == video.index:
                held += packet.size
                rows.append((packet.pts, packet.is_keyframe, not packet.is_discard, packet.duration or 0))
            elif not packet.is_discard:
                extend(spans, packet)
    except av.FFmpegError:
        complete = False
    return rows, spans, complete


def refuse_many(packets: int, frames: int, held_bytes: int, limits: Limits) -> None:
    """Refuse a file in the middle of the scan: too many packets or frames, or frames of next to no bytes."""
    if packets > limits.max_packets:
        raise Refused("packets")
    is_hollow = frames > FRAMES_LOOKED_AT and held_bytes < FEWEST_BYTES_PER_FRAME * frames
    if is_hollow or frames > limits.max_frames:
        raise Refused("frames")


def extend(spans: dict[int, list[Fraction]], packet: Any) -> None:
    """Stretch the sound's span over `packet`."""
    start = packet.pts * packet.time_base
    end = start + min((packet.duration or 0) * packet.time_base, LONGEST_PACKET_SECONDS)
    span = spans.setdefault(packet.stream_index, [start, end])
    span[:] = [min(span[0], start), max(span[1], end)]


def describe(container: Any, video: Any) -> dict[str, Any]:
    """Return what the streams say of themselves."""
    return {
        "container": container.format.name,
        "video_stream": video.index,
        "video_codec": video.codec_context.name,
        "texts": [
            {
                "stream": stream.index,
                "codec": stream.codec_context.name,
                "language": language(stream),
                "kind": text_kind(stream.disposition),
            }
            for stream in container.streams.subtitles
            if stream.codec_context is not None and stream.codec_context.name in TEXT_CODECS
        ],
    }


def text_kind(disposition: Any) -> str:
    """Return a word of film.py's TextKind. Forced comes first: it says that the track is not the whole text."""
    if disposition & Disposition.forced:
        return "forced"
    return "captions" if disposition & (Disposition.hearing_impaired | Disposition.captions) else "subtitles"


def language(stream: Any) -> str:
    """Return the stream's language tag as it is written, "" where it has none."""
    tag = str(stream.metadata.get("language", "")).lower()
    return tag if TAG.fullmatch(tag) and tag != "und" else ""


def timing(rows: list[Row], video: Any) -> dict[str, Any]:
    """Return start, end, rate and key frames as the packets have them."""
    base = video.time_base
    shown = sorted(row[0] for row in rows if row[2])
    last = max((row for row in rows if row[2]), key=lambda row: row[0])
    gaps = [float((later - earlier) * base) for earlier, later in pairwise(shown) if later > earlier]
    rate, is_variable = measure_rate(gaps, float(base), video)
    gap = 1 / rate
    stated_seconds = last[3] * base
    length = (
        stated_seconds if 0 < stated_seconds <= max(10 * gap, 1) or len(shown) == 1 < stated_seconds else gap
    )
    start, end = shown[0] * base, last[0] * base + length
    # Measured: of H.264 with open GOPs, key frames alone decode to the same picture again and again.
    keys = (
        1
        if have_leading_pictures(rows) and video.codec_context.name == "h264"
        else sum(row[1] for row in rows) or 1
    )
    hidden_inside = any(not row[2] and shown[0] <= row[0] <= shown[-1] for row in rows)
    return {
        "rate": rate,
        "is_variable": is_variable,
        "frames": len(shown),
        "key_gap_seconds": float(end - start) / keys,
        "video_start_seconds": start,
        "video_end_seconds": end,
        # Several edit lists: pictures inside the film that must not be shown, which a piece cannot express.
        "in_one_piece": hidden_inside,
    }


def have_leading_pictures(rows: list[Row]) -> bool:
    """Return whether pictures follow a key frame in the file that are shown before it: an open GOP."""
    latest_key = rows[0][0]
    for pts, key, _, _ in rows:
        if key:
            latest_key = pts
        elif pts < latest_key:
            return True
    return False


def measure_rate(gaps: list[float], tick: float, video: Any) -> tuple[Fraction, bool]:
    """Return the frame rate and whether it varies: from the median gap, since one long gap proves nothing.

    Between the slowest and the fastest rate that any file has; a header can claim one frame in 68 years.
    """
    rate, is_variable = _measured_rate(gaps, tick, video)
    return min(max(rate, SLOWEST_MEASURED), Fraction(FASTEST_MEASURED)), is_variable


def _measured_rate(gaps: list[float], tick: float, video: Any) -> tuple[Fraction, bool]:
    if not gaps:
        guess = video.average_rate or video.guessed_rate
        return (Fraction(guess) if guess and SLOWEST_RATE <= guess <= FASTEST_RATE else Fraction(25)), False
    near = max(NEAR_SECONDS, 2 * tick)
    middle = median(gaps)
    alike = [gap for gap in gaps if abs(gap - middle) <= near]
    # The mean evens out the rounding of containers that count in milliseconds.
    if len(alike) >= 0.9 * len(gaps):
        return Fraction(1 / mean(alike)).limit_denominator(100_000), False
    shortest = sorted(gaps)[len(gaps) // 10]
    alike = [gap for gap in gaps if abs(gap - shortest) <= near]
    return Fraction(1 / mean(alike)).limit_denominator(100_000), True


def look(path: str, formats: str, index: int, max_pixels: int) -> dict[str, Any]:
    """Decode a few key frames and return what they look like; refuse a film of which none can be decoded."""
    frames = decode(path, formats, index, max_pixels, "NONKEY") or decode(
        path, formats, index, max_pixels, "NONE"
    )
    if not frames:
        raise Refused("broken")
    frame = frames[0][0]
    aspect = frames[0][1]
    return {
        "width": frame.width,
        "height": frame.height,
        "sample_aspect": aspect if aspect and 1 / WIDEST_ASPECT <= aspect <= WIDEST_ASPECT else Fraction(1),
        "rotation": round(frame.rotation / 90) % 4 * 90,
        "interlaced": any(candidate.interlaced_frame for candidate, _ in frames),
        "transfer": TRANSFERS.get(int(frame.color_trc), "sdr"),
        "colour_space": colour_space(frame),
        "colour_range": "pc"
        if int(frame.color_range) == FULL_RANGE or frame.format.name.startswith("yuvj")
        else "tv",
        "bits": max(component.bits for component in frame.format.components),
    }


def colour_space(frame: Any) -> str:
    """Return "rgb", "bt709", "bt2020" or "bt601"; an untagged picture is judged by its size, as players do."""
    if frame.format.is_rgb or frame.format.has_palette:
        return "rgb"
    tagged = {1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020", 10: "bt2020"}
    return tagged.get(int(frame.colorspace), "bt709" if frame.height >= HD_HEIGHT else "bt601")


def decode(
    path: str, formats: str, index: int, max_pixels: int, skip: str
) -> list[tuple[Any, Fraction | None]]:
    """Return up to three decoded frames with their sample aspect ratio, from the beginning of the film."""
    found: list[tuple[Any, Fraction | None]] = []
    with open_source(path, formats) as container:
        stream = container.streams[index]
        context = stream.codec_context
        context.skip_frame = skip
        context.options = {"max_pixels": str(max_pixels)}
        for packet in islice(packets_of(container, stream), PACKETS_TRIED if skip == "NONE" else None):
            if skip == "NONKEY" and not packet.is_keyframe and packet.size:
                continue
            try:
                found += [(frame, stream.sample_aspect_ratio) for frame in packet.decode()]
            except (av.FFmpegError, ValueError):
                continue
            if len(found) >= KEY_FRAMES_TRIED:
                break
    return [pair for pair in found if pair[0].width * pair[0].height <= max_pixels][:KEY_FRAMES_TRIED]


def packets_of(container: Any, stream: Any) -> Iterator[Any]:
    """Yield the packets up to the end, or to where the file can no longer be read."""
    try:
        yield from container.demux(stream)
    except av.FFmpegError:
        return


def choose_sound(
    path: str, formats: str, sounds: list[dict[str, Any]], spans: dict[int, list[Fraction]]
) -> dict[str, Any] | None:
    """Return the first sound of which something can be decoded, with its first and last instant."""
    for sound in sounds:
        if sound["stream"] in spans and is_audible(path, formats, sound["stream"]):
            start, end = spans[sound["stream"]]
            return {**sound, "start_seconds": start, "end_seconds": end}
    return None


def is_audible(path: str, formats: str, index: int) -> bool:
    """Return whether the first packets of the sound decode to samples."""
    with open_source(path, formats) as container:
        for packet in islice(packets_of(container, container.streams[index]), PACKETS_TRIED):
            try:
                if any(frame.samples for frame in packet.decode()):
                    return True
            except (av.FFmpegError, ValueError):
                continue
    return False


def zero(film: dict[str, Any], sound: dict[str, Any] | None) -> dict[str, Any]:
    """Return the sound and the film's zero: the picture's start, or the sound's where they are clearly apart."""
    start = film["video_start_seconds"]
    if sound and abs(sound["start_seconds"] - start) > Fraction(1, 10):
        start = min(start, sound["start_seconds"])
    return {"sound": sound, "start_seconds": start}


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
    for number, packet in enumerate(sized(packets_of(container, stream))):
        while waiting and waiting[0].begin == number:
            next_one = waiting.popleft()
            pieces.append(Piece(next_one, stream, [row[0] for row in rows[number : next_one.end + 1]]))
        for piece in pieces:
            piece.add(packet)
            if number == piece.end:
                piece.close()
        pieces = [piece for piece in pieces if number < piece.end]
    for piece in pieces:
        piece.close()


def strictly_rising(instants: list[int]) -> list[int]:
    """Return `instants` with equal ones moved on by a tick: badly joined films show two pictures at one time."""
    return list(accumulate(instants, lambda before, instant: max(before + 1, instant)))


def sized(packets: Iterator[Any]) -> Iterator[Any]:
    """Leave out what the scan left out, so that both count alike."""
    return (packet for packet in packets if packet.pts is not None and packet.size)


class Piece:
    """One NUT file with renumbered decoding times: NUT refuses missing, negative and unordered ones."""

    def __init__(self, wanted: Wanted, stream: Any, shown_at: list[int]) -> None:
        self.end = wanted.end
        self._base = stream.time_base
        self._container = av.open(f"file:{wanted.target}", "w", format="nut")
        self._stream = self._container.add_stream_from_template(stream)
        self._stream.time_base = self._base
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


def main(command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run one command and return its answer."""
    av.logging.set_level(av.logging.PANIC)
    try:
        return probe(**arguments) if command == "probe" else cut(**arguments)
    except Refused as refusal:
        return {"refused": str(refusal)}
    except MemoryError:
        return {"refused": "memory"}
    except av.FFmpegError:
        return {"refused": "broken"}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], json.loads(sys.argv[2])), default=str))
