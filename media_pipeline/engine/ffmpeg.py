"""The gateway to ffmpeg: argument lists, whitelists, limits, progress, and the fate of a failed run."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import imageio_ffmpeg

from celery_ledger import Permanent, Transient
from media_pipeline.engine.plan import OnProgress
from media_pipeline.engine.process import (
    CPU_TIME,
    FILE_TOO_LARGE,
    KILLED,
    Access,
    Budget,
    Ended,
    ceilings,
    run_program,
)

# The demuxers a source may use: containers, recorders' own formats, raw streams. Playlists, image sequences, SVG, SDP,
# concat and AviSynth scripts, IMF and MLV are not among them: they make ffmpeg open other files or addresses.
FORMATS = ",".join(
    (
        *("mov", "mp4", "matroska", "webm", "mpegts", "avi", "flv", "ogg", "asf", "mpeg", "mxf", "gif"),
        *("rm", "nut", "ivf", "wtv", "gxf", "nsv", "nuv", "swf", "apng", "live_flv", "kux", "pva", "ty"),
        *("dv", "dhav", "hxvs", "ifv", "yuv4mpegpipe", "vc1test"),
        *("mpegvideo", "h264", "hevc", "vvc", "obu", "m4v", "vc1", "dirac"),
    )
)
PIECE_FORMATS = "nut"
OWN_FORMATS = "mov,mp4"
FILE = "file:"
FULL_HD_PIXELS = 1920 * 1080
# The widest picture that H.264 has, in the highest rung: what we wrote ourselves.
OWN_PIXELS = 16384 * 2304

DISK_FULL, IO_ERROR, NO_MEMORY, TRY_AGAIN, TOO_LARGE = (256 - errno for errno in (28, 5, 12, 11, 27))
ERRORS_IN_MOST = 69


def run_ffmpeg(  # noqa: PLR0913 - keywords, each with its own meaning and default
    arguments: Sequence[str],
    *,
    budget: Budget,
    beside: Path,
    frames: int = 0,
    seconds: float = 0,
    on_progress: OnProgress = lambda _: None,
) -> Ended:
    """Run ffmpeg to its end; raises Permanent or Transient by the exit code.

    `frames` or `seconds` is what the whole output holds, for the share in `on_progress`.
    """
    meter = _Meter(frames, seconds)
    ended = run_program(
        [
            *(ffmpeg_path(), "-hide_banner", "-nostdin", "-v", "error", "-y"),
            *("-progress", "pipe:1", "-stats_period", "0.5", *arguments),
        ],
        budget=budget,
        beside=beside,
        access=_access(arguments),
        on_output=meter.read,
        on_tick=lambda: on_progress(meter.share),
    )
    if ended.code != 0:
        raise _fate_of(ended)
    on_progress(1.0)
    return ended


def read_from(
    source: Path,
    *options: str,
    formats: str = FORMATS,
    before: Sequence[str] = (),
    pixels: int = OWN_PIXELS,
) -> list[str]:
    """Return the arguments that read `source`: one local file of a known format and nothing that it points to.

    No picture of more than `pixels` is decoded.
    """
    return [
        *("-protocol_whitelist", "file", "-format_whitelist", formats, "-max_pixels", str(pixels), *before),
        *options,
        *("-i", f"{FILE}{source.absolute()}"),
    ]


def write_to(target: Path) -> str:
    """Return the argument that writes `target`: never a protocol, whatever its name looks like."""
    return f"{FILE}{target.absolute()}"


def _access(arguments: Sequence[str]) -> Access:
    """Return what these arguments name: `read_from` and `write_to` are the only ones to write a file's name."""
    reads, writes = [], []
    for before, argument in pairwise(["", *arguments]):
        if argument.startswith(FILE):
            path = Path(argument.removeprefix(FILE))
            if before == "-i":
                reads.append(path)
            else:
                writes.append(path.parent)
    return Access(reads, writes)


def budget_for(seconds: float, pixels: int) -> Budget:
    """Return time and memory for work on `seconds` of a picture of `pixels`.

    60 s and 20 times the video's length at 1080p; a healthy run of all rungs takes about once its length. Memory:
    4 GiB of address space at 1080p (1.2 GiB was enough when measured), more for larger pictures.
    """
    scale = max(1.0, pixels / FULL_HD_PIXELS)
    return Budget(seconds=60 + 20 * seconds * scale, memory_bytes=int(4 * 1024**3 * scale))


def text_budget(seconds: float) -> Budget:
    """Return time and file size for one subtitle track of a video of `seconds`."""
    return replace(budget_for(seconds, 1), file_bytes=ceilings.text_bytes)


@cache
def ffmpeg_path() -> str:
    """Return the path of the packaged ffmpeg."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())


class _Meter:
    """Reads ffmpeg's -progress lines and knows the share done."""

    def __init__(self, frames: int, seconds: float) -> None:
        self.share = 0.0
        self._frames, self._seconds = frames, seconds
        self._rest = b""

    def read(self, text: bytes) -> None:
        *lines, self._rest = (self._rest + text).split(b"\n")
        for line in lines:
            name, _, value = line.partition(b"=")
            if not value.strip().isdigit():
                continue
            if self._frames and name == b"frame":
                self._reach(int(value) / self._frames)
            elif self._seconds and name == b"out_time_us":
                self._reach(int(value) / 1e6 / self._seconds)

    def _reach(self, share: float) -> None:
        self.share = min(1.0, max(self.share, share))


def _fate_of(ended: Ended) -> Exception:
    """Sort the exit code; ffmpeg's is 256 minus the errno of what stopped it. Its words are for the log only."""
    reasons: dict[int, Exception] = {
        ERRORS_IN_MOST: Permanent("the video is broken: most of it cannot be decoded"),
        DISK_FULL: Transient("no space left for the encoded video"),
        IO_ERROR: Transient("the disk failed while encoding"),
        NO_MEMORY: Permanent("the video needs more memory than a job may use"),
        TRY_AGAIN: Permanent("the video needs more memory than a job may use"),
        TOO_LARGE: Permanent("the encoded video is larger than a job may write"),
        FILE_TOO_LARGE: Permanent("the encoded video is larger than a job may write"),
        CPU_TIME: Permanent("the video takes more processor time than a job may use"),
        KILLED: Transient("the encoder was killed"),
    }
    last = ended.errors.strip().splitlines()[-3:]
    fate = reasons.get(ended.code) or Permanent("the video could not be converted")
    fate.add_note(f"ffmpeg ended with {ended.code}: " + " | ".join(last))
    return fate
