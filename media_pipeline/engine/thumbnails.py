"""Poster and thumbnails."""

from pathlib import Path

from media_pipeline.engine.atomic import building
from media_pipeline.engine.ffmpeg import budget_for, read_from, run_ffmpeg, write_to
from media_pipeline.engine.plan import Film, OnProgress, Plan
from media_pipeline.engine.reel import Reel

THUMBNAILS = 4
POSTER_AT = 0.1
THUMBNAIL_SIDE, POSTER_SIDE = 320, 1280
WIDEST_THUMBNAIL = 20
POSTER = "poster.jpg"
# Of that many pictures the poster is the one most like the others: neither black nor a fade.
POSTER_CANDIDATES = 10
IMAGE_FORMATS = "image2,png_pipe"


def grab_thumbnails(source: Path, film: Film, plan: Plan, into: Path, on_progress: OnProgress) -> None:
    """Write whole frames of the film into the folder `into`, upright and of the standard colours.

    Taken at key frames, which need no other picture; where those lie too far apart, at the exact time.
    Twice: returns at once where `into` exists.
    """
    if into.exists():
        return
    seconds = float(film.video_end_seconds - film.video_start_seconds)
    reel = Reel(source, film, plan, into)
    with building(into) as folder:
        _grab(reel, POSTER_AT * seconds, folder / "poster.png", choose=f"thumbnail={POSTER_CANDIDATES}")
        for number in range(1, THUMBNAILS + 1):
            on_progress(number / (THUMBNAILS + 1))
            _grab(reel, seconds * number / (THUMBNAILS + 1), folder / f"thumb_{number}.png")
    on_progress(1.0)


def process_thumbnails(grabbed: Path, into: Path) -> tuple[str, ...]:
    """Write `into`/poster.jpg and `into`/thumb_1.jpg and so on; return the thumbnails' names (the poster apart).

    Twice: returns the same names at once where `into` exists.
    """
    names = tuple(f"thumb_{number}.jpg" for number in range(1, THUMBNAILS + 1))
    if into.exists():
        return names
    with building(into) as folder:
        for name in (POSTER, *names):
            side = POSTER_SIDE if name == POSTER else THUMBNAIL_SIDE
            run_ffmpeg(
                [
                    *read_from((grabbed / name).with_suffix(".png"), formats=IMAGE_FORMATS),
                    *(
                        "-vf",
                        fit(side),
                        "-q:v",
                        "3",
                        "-bitexact",
                        "-update",
                        "1",
                        write_to(folder / name),
                    ),
                ],
                budget=budget_for(1, side * side),
                beside=into,
            )
    return names


def fit(side: int) -> str:
    """Return the filter that makes the longer side at most `side` pixels, never larger than it was.

    Of a picture like a thread the middle is shown: all of it would be less than a pixel high.
    """
    return (
        f"crop=w='min(iw,ih*{WIDEST_THUMBNAIL})':h='min(ih,iw*{WIDEST_THUMBNAIL})',scale=w='min({side},iw)':h='min({side},ih)':force_original_aspect_ratio=decrease:force_divisible_by=2"
        ":out_color_matrix=bt601:out_range=pc,format=yuvj420p"
    )


def display(plan: Plan) -> str:
    """Return the filters that make a picture look as shown: colours, turn, square pixels, as large as a poster."""
    large_enough = [rung for rung in plan.rungs if max(rung.width, rung.height) >= POSTER_SIDE]
    rung = large_enough[-1] if large_enough else plan.rungs[0]
    return f"{plan.filters},scale={rung.width}:{rung.height},setsar=1"


def _grab(reel: Reel, at: float, target: Path, choose: str = "") -> None:
    """Write the frame at `at` seconds of the picture, or the very first where seeking finds none."""
    film, plan = reel.film, reel.plan
    for seek in (at, None):
        filters = ",".join(part for part in (choose, plan.deinterlace, display(plan)) if part)
        run_ffmpeg(
            [
                *read_from(
                    reel.source,
                    "-noautorotate",
                    before=_seek(film, seek, exact=_is_sparse(film)),
                    pixels=plan.decoded_pixels,
                ),
                *("-map", f"0:{film.video_stream}", "-frames:v", "1", "-vf", filters),
                *("-pix_fmt", "rgb24", "-bitexact", "-update", "1", write_to(target)),
            ],
            budget=budget_for(float(film.duration_seconds) / 4, plan.width * plan.height),
            beside=reel.into,
        )
        if target.exists():
            return


def _is_sparse(film: Film) -> bool:
    return film.key_gap_seconds > film.duration_seconds / THUMBNAILS


def _seek(film: Film, at: float | None, *, exact: bool) -> list[str]:
    """Return the options that go to `at` seconds after the first picture, on the source's own clock."""
    skip = [] if exact else ["-skip_frame", "nokey"]
    if at is None:
        return skip
    place = ["-seek_timestamp", "1", "-ss", f"{float(film.video_start_seconds) + at:.6f}"]
    return [*skip, *place] if exact else [*skip, "-noaccurate_seek", *place]
