"""Storyboard: sprite sheets and the WebVTT file that says which picture belongs to which time."""

from dataclasses import dataclass
from math import ceil
from pathlib import Path

from media_pipeline.engine.atomic import building
from media_pipeline.engine.cues import clock
from media_pipeline.engine.ffmpeg import budget_for, read_from, run_ffmpeg, write_to
from media_pipeline.engine.plan import Film, OnProgress, Plan
from media_pipeline.engine.thumbnails import display

STORYBOARD = "storyboard.vtt"
COLUMNS = ROWS = 5
TILE_SIDE = 160
SHORTEST_SECONDS, LONGEST_SECONDS, WANTED_TILES = 2, 10, 100
# Up to here every picture is decoded if need be: 4.5 s for a minute of 1080p, against 0.3 s for key frames only.
DECODED_WHOLE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Sheets:
    """How the pictures are laid out: one every `interval_seconds`, `tiles` in all, `width` x `height` each."""

    interval_seconds: int
    tiles: int
    width: int
    height: int

    @property
    def vtt(self) -> str:
        """The WebVTT file: a cue per picture, whose text is its place on a sheet (media fragment `xywh`)."""
        return "WEBVTT\n\n" + "\n".join(self._cue(number) for number in range(self.tiles))

    def _cue(self, number: int) -> str:
        sheet, place = divmod(number, COLUMNS * ROWS)
        row, column = divmod(place, COLUMNS)
        start = number * self.interval_seconds
        area = f"{column * self.width},{row * self.height},{self.width},{self.height}"
        times = f"{clock(start)} --> {clock(start + self.interval_seconds)}"
        return f"{times}\n{sheet_name(sheet + 1)}#xywh={area}\n"


def make_storyboard(source: Path, film: Film, plan: Plan, into: Path, on_progress: OnProgress) -> str:
    """Write sheets and `into`/storyboard.vtt, return its name. Twice: returns at once where `into` exists."""
    if into.exists():
        return STORYBOARD
    sheets = lay_out(plan)
    with building(into) as folder:
        run_ffmpeg(
            [
                *(
                    "-copyts",
                    *read_from(
                        source,
                        *plan.reading,
                        before=_which_frames(film, sheets),
                        pixels=plan.decoded_pixels,
                    ),
                ),
                *("-map", f"0:{film.video_stream}", "-vf", _filters(plan, sheets)),
                *("-fps_mode", "passthrough", "-q:v", "4", "-bitexact", write_to(folder / "sheet_%03d.jpg")),
            ],
            budget=budget_for(plan.duration_seconds, plan.width * plan.height),
            beside=into,
            seconds=plan.duration_seconds,
            on_progress=on_progress,
        )
        (folder / STORYBOARD).write_text(sheets.vtt)
    return STORYBOARD


def sheet_name(number: int) -> str:
    """Return the file name of sheet `number`, from 1."""
    return f"sheet_{number:03}.jpg"


def lay_out(plan: Plan) -> Sheets:
    """Return the layout: about 100 pictures, 2 to 10 s apart."""
    interval = min(LONGEST_SECONDS, max(SHORTEST_SECONDS, ceil(plan.duration_seconds / WANTED_TILES)))
    share = TILE_SIDE / max(plan.width, plan.height)
    width, height = (max(2, round(side * share / 2) * 2) for side in (plan.width, plan.height))
    return Sheets(interval, max(1, ceil(plan.duration_seconds / interval)), width, height)


def _which_frames(film: Film, sheets: Sheets) -> list[str]:
    near = film.key_gap_seconds <= sheets.interval_seconds
    fair = film.key_gap_seconds <= LONGEST_SECONDS and film.duration_seconds > DECODED_WHOLE_SECONDS
    return ["-skip_frame", "nokey"] if near or fair else ["-threads", "1"]


def _filters(plan: Plan, sheets: Sheets) -> str:
    zero = float(plan.grid.seconds(plan.grid.first))
    parts = [
        f"setpts=PTS-({zero:.9f}/TB)",
        # The video's own grid comes first: of a video shorter than half an interval the slow one would take nothing.
        f"fps=fps={plan.rate}:round=near:start_time=0:eof_action=pass",
        "tpad=stop=-1:stop_mode=clone",
        f"fps=fps=1/{sheets.interval_seconds}:round=near:start_time=0",
        f"trim=start_pts=0:end_pts={sheets.tiles}",
        plan.deinterlace,
        display(plan),
        f"scale={sheets.width}:{sheets.height}:out_color_matrix=bt601:out_range=pc,format=yuvj420p",
        f"tile={COLUMNS}x{ROWS}",
    ]
    return ",".join(part for part in parts if part)
