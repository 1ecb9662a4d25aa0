"""Package the encoded chunks: HLS and DASH over the same segments, and one MP4 per rung."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from media_pipeline.engine.plan import OnProgress, Plan
from media_pipeline.engine.subtitles import Track


@dataclass(frozen=True, slots=True)
class Packaged:
    """Names inside the package folder; `mp4` by the picture's height in pixels, largest first."""

    hls: str
    dash: str
    mp4: dict[int, str]


def package(
    plan: Plan,
    chunks: Sequence[Path],
    audio: Path | None,
    subtitles: Sequence[Track],
    into: Path,
    on_progress: OnProgress,
) -> Packaged:
    """Write the package folder `into`. `chunks` are the encoded folders in order, `audio` is the audio folder.

    Twice: returns the same names at once where `into` exists.
    """
    raise NotImplementedError
