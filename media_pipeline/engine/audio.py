"""Encode the film's sound, once, as a rendition of its own."""

from fractions import Fraction
from pathlib import Path

from celery_ledger import Permanent
from media_pipeline.engine.atomic import building
from media_pipeline.engine.ffmpeg import budget_for, read_from, run_ffmpeg, write_to
from media_pipeline.engine.plan import Film, OnProgress, Plan

AUDIO_NAME = "audio.mp4"
SAMPLE_RATE = 48_000


def encode_audio(source: Path, film: Film, plan: Plan, into: Path, on_progress: OnProgress) -> None:
    """Write `into`/audio.mp4: AAC, stereo, from the film's zero to its end, silence where the source has none.

    In one run, for encoding chunk by chunk adds priming and padding at each seam. Twice: returns at once where
    `into` exists.
    """
    if into.exists():
        return
    with building(into) as folder:
        run_ffmpeg(
            [
                *read_sound(source, film, plan),
                *("-af", f"{in_step(SAMPLE_RATE)},apad=whole_dur={plan.duration_seconds},{_until_end(plan)}"),
                *("-c:a", "aac", "-b:a", "128k", "-ac", "2", "-ar", str(SAMPLE_RATE)),
                *("-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact"),
                *("-movflags", "+faststart", write_to(folder / AUDIO_NAME)),
            ],
            budget=budget_for(plan.duration_seconds, 1),
            beside=into,
            seconds=plan.duration_seconds,
            on_progress=on_progress,
        )


def read_sound(source: Path, film: Film, plan: Plan) -> list[str]:
    """Return the arguments that read the film's sound, timed from the grid's zero."""
    if film.sound is None:
        raise Permanent("the film has no sound")
    zero = plan.grid.seconds(plan.grid.first)
    return [
        *("-copyts", "-itsoffset", f"{float(-zero):.6f}"),
        *read_from(source, "-threads", "1", "-vn", "-sn", "-dn"),
        *("-map", f"0:{film.sound.stream}"),
    ]


def in_step(sample_rate: int) -> str:
    """Return the filter that fills gaps with silence and cuts what lies before zero, so that sound keeps time."""
    return f"aresample={sample_rate}:async=1:first_pts=0"


def _until_end(plan: Plan) -> str:
    samples = int(Fraction(plan.frames) / plan.rate * SAMPLE_RATE)
    return f"atrim=end_sample={samples}"
