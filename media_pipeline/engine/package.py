"""Package the encoded chunks: HLS and DASH over the same segments, and one MP4 per rung."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from media_pipeline.engine.atomic import building
from media_pipeline.engine.encode import rung_name
from media_pipeline.engine.ffmpeg import OWN_FORMATS, budget_for, read_from, run_ffmpeg, write_to
from media_pipeline.engine.fragments import join
from media_pipeline.engine.packager import DASH, HLS, Audio, Streams, Text, Video, run_packager
from media_pipeline.engine.plan import OnProgress, Plan
from media_pipeline.engine.subtitles import Track


@dataclass(frozen=True, slots=True)
class Packaged:
    """Names inside the package folder; `mp4` by the picture's height in pixels, largest first."""

    hls: str
    dash: str
    mp4: dict[int, str]


def package(  # noqa: PLR0913 - the parts of a video, each by its name
    plan: Plan,
    chunks: Sequence[Path],
    audio: Path | None,
    subtitles: Sequence[Track],
    into: Path,
    on_progress: OnProgress,
) -> Packaged:
    """Write the package folder `into`. `chunks` are the encoded folders in order, `audio` is the audio folder,
    with one MP4 for each track of the plan; the MP4s get the default one.

    Nothing is encoded again: fragments are joined byte by byte, then copied. Twice: returns the same names at once
    where `into` exists.
    """
    sounds = [audio / track.file for track in plan.audio] if audio else []
    packaged = Packaged(HLS, DASH, {rung.height: rung_name(rung) for rung in plan.rungs})
    if into.exists():
        return packaged
    with building(into) as folder:
        for number, rung in enumerate(plan.rungs):
            on_progress(number / (2 * len(plan.rungs)))
            joined = folder / f".{rung.name}.mp4"
            join([chunk / rung_name(rung) for chunk in chunks], joined)
            _add_sound(joined, sounds[:1], folder / rung_name(rung), plan, into)
            joined.unlink()
        for sound in sounds:
            shutil.copyfile(sound, folder / _source_of(sound))
        for track in subtitles:
            shutil.copyfile(track.path, folder / _text_name(track))
        run_packager(
            folder,
            _streams(plan, subtitles, sounds),
            beside=into,
            on_progress=on_progress,
        )
        for sound in sounds:
            (folder / _source_of(sound)).unlink()
    on_progress(1.0)
    return packaged


def _add_sound(joined: Path, sounds: Sequence[Path], target: Path, plan: Plan, beside: Path) -> None:
    """Write the rung with its sound, if any, as a plain MP4.

    The packager reads this file too, not the joined fragments: those have negative composition offsets, which
    readers built on libav take for a picture two frames late; here an edit list says the same to everyone.
    """
    run_ffmpeg(
        [
            *(part for path in (joined, *sounds) for part in read_from(path, formats=OWN_FORMATS)),
            *("-map", "0:v", *(("-map", "1:a") if sounds else ()), "-c", "copy"),
            *("-map_metadata", "-1", "-fflags", "+bitexact"),
            *("-movflags", "+faststart", write_to(target)),
        ],
        budget=budget_for(plan.duration_seconds, plan.width * plan.height),
        beside=beside,
    )


def _streams(plan: Plan, subtitles: Sequence[Track], sounds: Sequence[Path]) -> Streams:
    return Streams(
        videos=[Video(rung.name, rung_name(rung)) for rung in plan.rungs],
        audio=[
            Audio(track.name, _source_of(sound), track.language, track.title, track.kind)
            for track, sound in zip(plan.audio, sounds, strict=False)
        ],
        texts=[Text(_text_name(track), track.language, track.kind) for track in subtitles],
        segment_seconds=float(plan.frames_per_segment / plan.rate),
    )


def _source_of(sound: Path) -> str:
    """Return the name of the sound's copy in the package folder, the only one that the packager may read."""
    return f".{sound.name}"


def _text_name(track: Track) -> str:
    return track.path.name
