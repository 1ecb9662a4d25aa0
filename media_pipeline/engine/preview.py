"""HLS over what is encoded so far: the chunks' own fragments, listed before anything is packaged.

Each fragment of a chunk is a segment: it begins with a key frame and bears its time in the video. So the plan alone
tells every segment's length, and a playlist is written without a look at any file. Source: RFC 8216bis.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Final

from media_pipeline.engine.atomic import building
from media_pipeline.engine.audio import SAMPLE_RATE
from media_pipeline.engine.ffmpeg import OWN_FORMATS, budget_for, read_from, run_ffmpeg, write_to
from media_pipeline.engine.fragments import Fragment
from media_pipeline.engine.grid import SEGMENT_SECONDS
from media_pipeline.engine.plan import Plan, Rung

FRAGMENTED_AUDIO: Final = "fragmented.mp4"
AAC: Final = "mp4a.40.2"
AAC_KILOBITS: Final = 128
SAMPLES_PER_FRAME: Final = 1024
# Without this a player begins a growing playlist at its end, as it does a live stream.
_START: Final = "#EXT-X-START:TIME-OFFSET=0,PRECISE=YES"


@dataclass(frozen=True, slots=True)
class Segment:
    """One line of a playlist: its name and its length."""

    name: str
    seconds: Fraction


def main_playlist(rungs: Sequence[tuple[Rung, str]], rate: Fraction, *, audio: str) -> str:
    """Return the playlist that names those of the rungs, each with its codec; `audio` is the sound's, "" for none."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS", _START]
    if audio:
        fields = 'TYPE=AUDIO,GROUP-ID="audio",NAME="Sound",DEFAULT=YES,AUTOSELECT=YES'
        lines.append(f'#EXT-X-MEDIA:{fields},URI="{audio}"')
    for rung, codec in rungs:
        bandwidth = 1000 * (rung.kilobits + (AAC_KILOBITS if audio else 0))
        size = f"RESOLUTION={rung.width}x{rung.height},FRAME-RATE={float(rate):.3f}"
        codecs = f'CODECS="{codec},{AAC}",AUDIO="audio"' if audio else f'CODECS="{codec}"'
        lines += [f"#EXT-X-STREAM-INF:BANDWIDTH={bandwidth},{size},{codecs}", f"{rung.name}.m3u8"]
    return "\n".join(lines) + "\n"


def picture_segments(plan: Plan, encoded_chunks: int) -> Iterator[Segment]:
    """Yield the segments of the first `encoded_chunks` chunks, each named by its chunk and its place in it."""
    for chunk in plan.chunks[:encoded_chunks]:
        for place, first in enumerate(range(0, chunk.frames, plan.frames_per_segment)):
            frames = min(plan.frames_per_segment, chunk.frames - first)
            yield Segment(f"{chunk.number}-{place}.m4s", frames / plan.rate)


def sound_segments(fragments: Iterable[Fragment], until_seconds: Fraction) -> Iterator[Segment]:
    """Yield the segments of the sound that begin before `until_seconds`: sound and picture grow together."""
    begin = Fraction(0)
    for number, fragment in enumerate(fragments):
        if begin >= until_seconds:
            return
        seconds = Fraction(fragment.frames * SAMPLES_PER_FRAME, SAMPLE_RATE)
        yield Segment(f"{number}-0.m4s", seconds)
        begin += seconds


def encoded_seconds(plan: Plan, encoded_chunks: int) -> Fraction:
    """Return how much of the video the first `encoded_chunks` chunks are."""
    return sum((chunk.frames for chunk in plan.chunks[:encoded_chunks]), 0) / plan.rate


def media_playlist(folder: str, segments: Iterable[Segment], *, is_complete: bool) -> str:
    """Return a playlist that grows until it is complete: no segment of it ever goes or changes.

    The segments and their header are named below `folder`.
    """
    listed = list(segments)
    longest = max((segment.seconds for segment in listed), default=Fraction(SEGMENT_SECONDS))
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        # No segment to come may be longer than what was said at first.
        f"#EXT-X-TARGETDURATION:{max(SEGMENT_SECONDS + 1, ceil(longest))}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:EVENT",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        _START,
        f'#EXT-X-MAP:URI="{folder}/init.mp4"',
    ]
    for segment in listed:
        lines += [f"#EXTINF:{float(segment.seconds):.6f},", f"{folder}/{segment.name}"]
    if is_complete:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def fragment_audio(audio: Path, plan: Plan, into: Path) -> None:
    """Write the sound in `audio` once more into the folder `into`, in fragments, bytes of sound unchanged.

    Twice: returns at once where `into` exists.
    """
    if into.exists():
        return
    with building(into) as folder:
        run_ffmpeg(
            [
                *read_from(audio, formats=OWN_FORMATS),
                *("-map", "0:a:0", "-c", "copy", "-map_metadata", "-1", "-fflags", "+bitexact", "-f", "mp4"),
                *("-movflags", "+empty_moov+delay_moov+default_base_moof"),
                *("-frag_duration", str(SEGMENT_SECONDS * 1_000_000), write_to(folder / FRAGMENTED_AUDIO)),
            ],
            budget=budget_for(plan.duration_seconds, 1),
            beside=into,
        )
