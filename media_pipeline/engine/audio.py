"""Encode the video's audio tracks, each once, as a rendition of its own."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import structlog

from celery_ledger import Permanent
from media_pipeline.engine.atomic import building
from media_pipeline.engine.audio_tracks import DEFAULT_NAME, AudioTrack, make_audio_tracks
from media_pipeline.engine.ffmpeg import budget_for, read_from, run_ffmpeg, write_to
from media_pipeline.engine.plan import Film, OnProgress, Plan, Sound
from media_pipeline.engine.reel import Reel

log = structlog.get_logger(__name__)

# The default track's file.
AUDIO_NAME = f"{DEFAULT_NAME}.mp4"
SAMPLE_RATE = 48_000
# Fills gaps with silence and cuts what lies before zero, so that sound keeps time.
IN_STEP = "async=1:first_pts=0"
# Five channels on two may add up to more than a sample holds: 7.5 dB more were measured. The limiter holds the peaks
# and lets everything else through as it is; a smaller factor for all would make dialogue too quiet.
LIMITER = "alimiter=limit=1:level=0:latency=1"


def encode_audio(source: Path, film: Film, plan: Plan, into: Path, on_progress: OnProgress) -> None:
    """Write one MP4 for each audio track into `into`: AAC, stereo, from the video's zero to its end.

    Silence where the source has none. A track other than the default that cannot be converted is left out. Each in
    one run, for encoding chunk by chunk adds priming and padding at each seam. Twice: returns at once where `into`
    exists.
    """
    if into.exists():
        return
    # Not the plan's: that has lost the tracks which an earlier run left out.
    tracks = make_audio_tracks(film.sounds)
    with building(into) as folder:
        for number, (sound, track) in enumerate(zip(film.sounds, tracks, strict=True)):
            try:
                _encode_track(
                    Reel(source, film, plan, into),
                    sound,
                    folder / track.file,
                    _part(on_progress, number, len(tracks)),
                )
            except Permanent as error:
                if number == 0:
                    raise
                log.warning("audio_track_left_out", track=track.name, reason=str(error))
                (folder / track.file).unlink(missing_ok=True)


def left_out(plan: Plan, folder: Path) -> list[AudioTrack]:
    """Return the tracks of the plan that `encode_audio` left out of `folder`."""
    return [track for track in plan.audio if not (folder / track.file).exists()]


def _encode_track(reel: Reel, sound: Sound, target: Path, on_progress: OnProgress) -> None:
    seconds = reel.plan.duration_seconds
    run_ffmpeg(
        [
            *read_sound(
                reel.source,
                sound,
                reel.plan,
                f"aresample={SAMPLE_RATE}:{IN_STEP},{_fitting(reel.plan)}[sound]",
            ),
            *("-map", "[sound]", "-c:a", "aac", "-b:a", "128k", "-ac", "2", "-ar", str(SAMPLE_RATE)),
            *("-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact"),
            *("-movflags", "+faststart", write_to(target)),
        ],
        budget=budget_for(seconds, 1),
        beside=reel.into,
        seconds=seconds,
        on_progress=on_progress,
    )


def read_sound(source: Path, sound: Sound, plan: Plan, filters: str) -> list[str]:
    """Return the arguments that read `sound`, timed from the grid's zero, through `filters`, whose output has a label.

    Rate and channels may change in the middle of a broadcast, and each time ffmpeg begins its filters anew, which
    fill from zero to here and pad to the end once more. So the sound is brought to one rate and stereo first,
    written as plain samples, and those are read back (a loopback decoder) into the filters that count.
    """
    zero = plan.grid.seconds(plan.grid.first)
    return [
        # What cannot be decoded is silence; that most of it cannot does not take the video away.
        *("-max_error_rate", "1", "-copyts", "-itsoffset", f"{float(-zero):.6f}"),
        *read_from(source, "-threads", "1", "-vn", "-sn", "-dn"),
        *("-map", f"0:{sound.stream}", "-af", _to_stereo(sound), "-c:a", "pcm_f32le", "-f", "null", "-"),
        *("-dec", "0:0", "-filter_complex", f"[dec:0]{filters}"),
    ]


def _to_stereo(sound: Sound) -> str:
    """Return the filter to stereo. Of channels without places the first two are left and right, or the only one is."""
    steady = f"aresample={SAMPLE_RATE}:async=1:ochl=stereo"
    return steady if sound.is_mixable else f"channelmap=0-FL|{min(sound.channels, 2) - 1}-FR:stereo,{steady}"


def _fitting(plan: Plan) -> str:
    samples = int(Fraction(plan.frames) / plan.rate * SAMPLE_RATE)
    return f"{LIMITER},apad=whole_dur={plan.duration_seconds},atrim=end_sample={samples}"


def _part(on_progress: OnProgress, number: int, count: int) -> Callable[[float], None]:
    return lambda share: on_progress((number + share) / count)
