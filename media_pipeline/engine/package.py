"""Package the encoded chunks: HLS and DASH over the same segments, and one MP4 per rung."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from media_pipeline.engine.atomic import building
from media_pipeline.engine.audio import AUDIO_NAME
from media_pipeline.engine.encode import rung_name
from media_pipeline.engine.ffmpeg import OWN_FORMATS, budget_for, read_from, run_ffmpeg, write_to
from media_pipeline.engine.fragments import join
from media_pipeline.engine.languages import language_tag
from media_pipeline.engine.packager import DASH, HLS, Audio, Streams, Text, Video, run_packager
from media_pipeline.engine.plan import OnProgress, Plan
from media_pipeline.engine.subtitles import Track


@dataclass(frozen=True, slots=True)
class Packaged:
    """Names inside the package folder; `mp4` by the picture's height in pixels, largest first."""

    hls: str
    dash: str
    mp4: dict[int, str]


def package(  # noqa: PLR0913 - the parts of a film, each by its name
    plan: Plan,
    chunks: Sequence[Path],
    audio: Path | None,
    subtitles: Sequence[Track],
    into: Path,
    on_progress: OnProgress,
) -> Packaged:
    """Write the package folder `into`. `chunks` are the encoded folders in order, `audio` is the audio folder.

    Nothing is encoded again: fragments are joined byte by byte, then copied. Twice: returns the same names at once
    where `into` exists.
    """
    packaged = Packaged(HLS, DASH, {rung.height: rung_name(rung) for rung in plan.rungs})
    if into.exists():
        return packaged
    with building(into) as folder:
        for number, rung in enumerate(plan.rungs):
            on_progress(number / (2 * len(plan.rungs)))
            joined = folder / f".{rung.name}.mp4"
            join([chunk / rung_name(rung) for chunk in chunks], joined)
            _add_sound(joined, audio, folder / rung_name(rung), plan, into)
            joined.unlink()
        for track in subtitles:
            shutil.copyfile(track.path, folder / _text_name(track))
        run_packager(
            folder,
            _streams(plan, subtitles, with_audio=audio is not None),
            beside=into,
            on_progress=on_progress,
        )
    on_progress(1.0)
    return packaged


def _add_sound(joined: Path, audio: Path | None, target: Path, plan: Plan, beside: Path) -> None:
    """Write the rung with its sound as a plain MP4.

    The packager reads this file too, not the joined fragments: those have negative composition offsets, which
    readers built on libav take for a picture two frames late; here an edit list says the same to everyone.
    """
    sound = [*read_from(audio / AUDIO_NAME, formats=OWN_FORMATS)] if audio else []
    run_ffmpeg(
        [
            *(*read_from(joined, formats=OWN_FORMATS), *sound),
            *("-map", "0:v", *(("-map", "1:a") if audio else ()), "-c", "copy"),
            *("-map_metadata", "-1", "-fflags", "+bitexact"),
            *("-movflags", "+faststart", write_to(target)),
        ],
        budget=budget_for(plan.duration_seconds, plan.width * plan.height),
        beside=beside,
    )


def _streams(plan: Plan, subtitles: Sequence[Track], *, with_audio: bool) -> Streams:
    return Streams(
        videos=[Video(rung.name, rung_name(rung)) for rung in plan.rungs],
        audio=Audio(rung_name(plan.rungs[0]), language_tag(plan.language)) if with_audio else None,
        texts=[Text(_text_name(track), track.language, track.kind) for track in subtitles],
        segment_seconds=float(plan.frames_per_segment / plan.rate),
    )


def _text_name(track: Track) -> str:
    return track.path.name
