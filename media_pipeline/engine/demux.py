"""The gateway to the demuxer process, and the fate of what it answers."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from celery_ledger import Permanent, Transient
from media_pipeline.engine.ffmpeg import FORMATS
from media_pipeline.engine.process import CPU_TIME, FILE_TOO_LARGE, KILLED, Access, Budget, Ended, run_program
from media_pipeline.engine.unforeseen import unforeseen

# The process may read this folder and no other of ours, so `demuxer` is a package by itself there.
RUN_DEMUXER = (
    "import runpy, sys; sys.path.append(sys.argv.pop(1)); runpy.run_module('demuxer', run_name='__main__')"
)
REASONS = {
    "format": "this is not a video",
    "incomplete": "the upload is incomplete: the video's index is missing",
    "picture": "there is no picture in this file",
    "codec": "the video uses an unsupported codec",
    "pixels": "the picture is too large",
    "streams": "the file has too many streams",
    "broken": "the video is broken: no picture of it can be decoded",
    "long": "the video is too long",
    "packets": "the file has more packets than a video may have",
    "frames": "the video has more frames than a video may have",
    "work": "the video has far more pictures than its bytes can hold",
    "memory": "the video needs more memory than a job may use",
    "time": "the video takes more processor time than a job may use",
    "large": "the video is larger than a job may write",
    "clock": "the times of this video's pictures cannot be read: convert it to MP4 or Matroska first",
}
# Sources that can be processed once they are remuxed, and what their owner should know of it.
UNSTEADY = {
    "jumps": ("The times in this file jump. Its parts were joined end to end.",),
    "untimed": (),
}
# A 4 h video has some 900,000 packets, and PyAV reads 250,000 a second.
BUDGET = Budget(seconds=120, memory_bytes=3 * 1024**3)


class UnsteadyClock(Permanent):
    """The source has no times, or times that jump: it has to be remuxed before anything else reads it."""

    def __init__(self, warnings: tuple[str, ...]) -> None:
        super().__init__(REASONS["clock"])
        self.warnings = warnings


def ask_demuxer(
    command: str, source: Path, beside: Path, writes: Sequence[Path] = (), **arguments: Any
) -> dict[str, Any]:
    """Run `command` on `source` in a limited process and return its answer; raises Permanent or Transient."""
    question = {"path": str(source.absolute()), "formats": FORMATS, **arguments}
    ended = run_program(
        [sys.executable, "-I", "-c", RUN_DEMUXER, str(Path(__file__).parent), command, json.dumps(question)],
        budget=BUDGET,
        beside=beside,
        access=Access([source], writes),
        keep_output=True,
    )
    if ended.code:
        raise _fate_of(ended)
    answer: dict[str, Any] = json.loads(ended.output)
    refused = answer.get("refused")
    if refused in UNSTEADY:
        raise UnsteadyClock(UNSTEADY[refused])
    if refused is not None:
        raise Permanent(REASONS[refused])
    return answer


def _fate_of(ended: Ended) -> Exception:
    if ended.code == KILLED:
        return Transient("the reading of the video was killed")
    known = {CPU_TIME: "time", FILE_TOO_LARGE: "large"}
    if ended.code in known:
        return Permanent(REASONS[known[ended.code]])
    # The same file ends the same way each time: a crash, or a mistake of ours that somebody must look at.
    return unforeseen("demuxer", ended, REASONS["broken"] if ended.code < 0 else None)
