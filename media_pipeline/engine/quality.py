"""Measure how near a rendition is to its source."""

import re
from fractions import Fraction
from pathlib import Path
from statistics import mean

from celery_ledger import Permanent
from media_pipeline.engine.ffmpeg import OWN_FORMATS, budget_for, read_from, run_ffmpeg
from media_pipeline.engine.plan import Film, OnProgress, Plan, Rung
from media_pipeline.engine.reel import Reel

WINDOWS = 3
WINDOW_SECONDS = 2
EVERY = 5
# Seeking may land late where a container has no index (MPEG-TS: up to 2.5 s), so it aims before the window.
EARLIER_SECONDS = 5
SCORE = re.compile(r"VMAF score: ([0-9.]+)")


def measure_vmaf(source: Path, film: Film, plan: Plan, mp4: Path, on_progress: OnProgress) -> float | None:
    """Return the mean VMAF of three windows of `mp4` against the source at the rung's size, 0 to 100.

    None where it cannot be measured, a damaged source for instance: a figure is not worth a failed video.
    """
    rung = next(rung for rung in plan.rungs if rung.name == mp4.stem)
    length = min(plan.frames, round(WINDOW_SECONDS * plan.rate))
    scores = []
    for window in range(WINDOWS):
        on_progress(window / WINDOWS)
        first = round((plan.frames - length) * (window + 0.5) / WINDOWS)
        try:
            scores += _scores(Reel(source, film, plan, mp4), rung, first, length)
        except Permanent:
            continue
    on_progress(1.0)
    return round(mean(scores), 2) if scores else None


def _scores(reel: Reel, rung: Rung, first: int, length: int) -> list[float]:
    """Compare frame by frame on the grid: both sides are put on it and cut there, wherever seeking landed."""
    film, plan, mp4 = reel.film, reel.plan, reel.into
    grid = plan.grid
    source_first = grid.first + first
    own = f"[0:v:0]fps=fps={grid.rate}:round=near,trim=start_pts={first}:end_pts={first + length},setpts=PTS-({first})"
    theirs = ",".join(
        part
        for part in (
            f"[1:{film.video_stream}]{plan.deinterlace or 'null'}",
            f"fps=fps={grid.rate}:round=near",
            f"trim=start_pts={source_first}:end_pts={source_first + length}",
            f"setpts=PTS-({source_first})",
            plan.filters,
            f"scale={rung.width}:{rung.height}:flags=bicubic,setsar=1,format=yuv420p",
        )
        if part
    )
    ended = run_ffmpeg(
        [
            *(
                "-v",
                "info",
                "-copyts",
                *read_from(mp4, formats=OWN_FORMATS, before=_seek(grid.seconds(first))),
            ),
            *read_from(
                reel.source,
                *plan.reading,
                before=_seek(grid.seconds(source_first)),
                pixels=plan.decoded_pixels,
            ),
            "-filter_complex",
            f"{own}[own];{theirs}[theirs];[own][theirs]libvmaf=n_subsample={EVERY}:n_threads=2",
            *("-f", "null", "-"),
        ],
        budget=budget_for(WINDOW_SECONDS + 2 * EARLIER_SECONDS, plan.width * plan.height),
        beside=mp4,
    )
    return [float(score) for score in SCORE.findall(ended.errors)]


def _seek(seconds: Fraction) -> list[str]:
    at = float(seconds) - EARLIER_SECONDS
    return ["-noaccurate_seek", "-seek_timestamp", "1", "-ss", f"{at:.6f}"] if at > 0 else []
