"""Poster and thumbnails."""

import shutil
from fractions import Fraction
from pathlib import Path

from media_pipeline.engine.atomic import building
from media_pipeline.engine.ffmpeg import budget_for, read_from, run_ffmpeg, write_to
from media_pipeline.engine.plan import Film, OnProgress, Plan
from media_pipeline.engine.poster import MEASURED_HEIGHT, MEASURED_WIDTH, Measured, choose_poster, measure
from media_pipeline.engine.reel import Reel

THUMBNAILS = 4
# The poster is one of the pictures at these places, as shares of the video; the first ones hold the thumbnails.
PLACES = tuple(Fraction(number, 10) for number in range(1, 10))
MORE_PLACES = tuple(Fraction(number, 20) for number in range(1, 20, 2))
THUMBNAIL_SIDE, POSTER_SIDE = 320, 1280
WIDEST_THUMBNAIL = 20
POSTER = "poster.jpg"
IMAGE_FORMATS = "image2,png_pipe"


def grab_thumbnails(source: Path, film: Film, plan: Plan, into: Path, on_progress: OnProgress) -> None:
    """Write whole frames of the video into the folder `into`, upright and of the standard colours.

    Taken at key frames, which need no other picture; where those lie too far apart, at the exact time.
    Twice: returns at once where `into` exists.
    """
    if into.exists():
        return
    reel = Reel(source, film, plan, into)
    thumbnails = [Fraction(number, THUMBNAILS + 1) for number in range(1, THUMBNAILS + 1)]
    # Where a picture needs all before it decoded, no more are taken than the thumbnails and an early one.
    places = sorted({*thumbnails, PLACES[0]} if _is_sparse(film) else {*thumbnails, *PLACES})
    with building(into) as folder:
        grabbed = {}
        for done, place in enumerate(places):
            on_progress(done / len(places))
            grabbed[place] = _grab(reel, place, folder)
        if not _is_sparse(film) and not any(each.is_usable for each in grabbed.values()):
            grabbed |= {place: _grab(reel, place, folder) for place in MORE_PLACES}
        _name(grabbed, thumbnails, folder)
    on_progress(1.0)


def _name(grabbed: dict[Fraction, Measured], thumbnails: list[Fraction], folder: Path) -> None:
    """Leave the poster and the thumbnails under their names, and nothing else."""
    places = sorted(grabbed)
    poster = places[choose_poster([grabbed[place] for place in places])]
    shutil.copyfile(_candidate(folder, poster), folder / "poster.png")
    for number, place in enumerate(thumbnails, start=1):
        _candidate(folder, place).rename(folder / f"thumb_{number}.png")
    for place in set(places).difference(thumbnails):
        _candidate(folder, place).unlink()


def _candidate(folder: Path, place: Fraction) -> Path:
    return folder / f"at_{float(place):.3f}.png"


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
        f"crop=w='min(iw,ih*{WIDEST_THUMBNAIL})':h='min(ih,iw*{WIDEST_THUMBNAIL})',"
        f"scale=w='min({side},iw)':h='min({side},ih)':force_original_aspect_ratio=decrease:force_divisible_by=2"
        ":out_color_matrix=bt601:out_range=pc,format=yuvj420p"
    )


def display(plan: Plan) -> str:
    """Return the filters that make a picture look as shown: colours, turn, square pixels, as large as a poster."""
    large_enough = [rung for rung in plan.rungs if max(rung.width, rung.height) >= POSTER_SIDE]
    rung = large_enough[-1] if large_enough else plan.rungs[0]
    return f"{plan.filters},scale={rung.width}:{rung.height},setsar=1"


def _grab(reel: Reel, place: Fraction, folder: Path) -> Measured:
    """Write the frame at a share of the picture, or the very first where seeking finds none; return what it is like."""
    film, plan = reel.film, reel.plan
    target, grey = _candidate(folder, place), folder / "measured.grey"
    filters = ",".join(part for part in (plan.deinterlace, display(plan)) if part)
    small = f"scale={MEASURED_WIDTH}:{MEASURED_HEIGHT}:flags=area:out_range=pc,format=gray"
    at = float(place * (film.video_end_seconds - film.video_start_seconds))
    for seek in (at, None):
        run_ffmpeg(
            [
                *read_from(
                    reel.source,
                    *plan.reading,
                    before=_seek(film, seek, exact=_is_sparse(film)),
                    pixels=plan.decoded_pixels,
                ),
                "-filter_complex",
                f"[0:{film.video_stream}]{filters},split=2[whole][copy];[copy]{small}[small]",
                # A key frame before the instant has a negative time, for which it would be dropped.
                *("-map", "[whole]", "-frames:v", "1", "-fps_mode", "passthrough"),
                *("-pix_fmt", "rgb24", "-bitexact"),
                *("-update", "1", write_to(target)),
                *("-map", "[small]", "-frames:v", "1", "-fps_mode", "passthrough"),
                *("-f", "rawvideo", "-bitexact", write_to(grey)),
            ],
            budget=budget_for(float(film.duration_seconds) / 4, plan.width * plan.height),
            beside=reel.into,
        )
        if target.exists():
            break
    measured = measure(grey.read_bytes())
    grey.unlink()
    return measured


def _is_sparse(film: Film) -> bool:
    return film.key_gap_seconds > film.duration_seconds / THUMBNAILS


def _seek(film: Film, at: float | None, *, exact: bool) -> list[str]:
    """Return the options that go to `at` seconds after the first picture, on the source's own clock."""
    skip = [] if exact else ["-skip_frame", "nokey"]
    if at is None:
        return skip
    place = ["-seek_timestamp", "1", "-ss", f"{float(film.video_start_seconds) + at:.6f}"]
    return [*skip, *place] if exact else [*skip, "-noaccurate_seek", *place]
