"""The plan of one video: its grid, its rungs and the chunks that encode jobs share among them."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Self

from media_pipeline.engine.audio_tracks import AudioTrack, make_audio_tracks, read_audio_tracks
from media_pipeline.engine.film import Film, Limits, Sound, TextTrack, grown, plain
from media_pipeline.engine.filters import deinterlace_filter, picture_filters
from media_pipeline.engine.grid import Grid, bound_repeats, choose_rate, make_grid
from media_pipeline.engine.ladder import LARGEST_RUNG, Rung, make_ladder

__all__ = [
    "AudioTrack",
    "Chunk",
    "Film",
    "Grid",
    "Limits",
    "OnProgress",
    "Plan",
    "Rung",
    "Sound",
    "TextTrack",
    "make_plan",
]

# A chunk holds as many frames as one of this rate and its length would: a job has its cost, and few frames are cheap.
SLOWEST_CHUNK_RATE = Fraction(20)

# Called about twice a second with the share done, 0 to 1; what it raises ends the work and passes through.
OnProgress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Chunk:
    """The frames that one encode job makes: `first` to `first + frames` on the grid."""

    number: int
    first: int
    frames: int


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the encode jobs and the packaging need to know; plain values, stored in the video's row.

    `width` and `height` are those of the source as shown. `deinterlace` and `filters` turn decoded pictures into
    upright, progressive ones of the standard colours. `language` is the default sound's, "" where it is not said.
    `whole_stream` is set where the video cannot be cut: its only piece is
    then the source itself, and this its video stream.
    """

    grid: Grid
    rungs: tuple[Rung, ...]
    chunks: tuple[Chunk, ...]
    deinterlace: str
    filters: str
    language: str
    whole_stream: int | None
    width: int
    height: int
    duration_seconds: float
    has_audio: bool
    truncated: bool
    # Plans that were stored before this field have their pictures' size unchecked, as they had.
    decoded_pixels: int = grown(7680 * 4320)
    # The default one first; as many as the video has sounds.
    audio: tuple[AudioTrack, ...] = ()
    # What the source itself has to be decoded with, "" for ffmpeg's own choice.
    source_decoder: str = ""
    # What the pieces have to be decoded with, "" where they say so themselves.
    decoder: str = ""

    @property
    def rate(self) -> Fraction:
        """Frames per second of the output, constant."""
        return self.grid.rate

    @property
    def frames(self) -> int:
        """How many frames each rung has in all."""
        return self.grid.frames

    @property
    def frames_per_segment(self) -> int:
        """Distance of key frames, and with it the length of a segment."""
        return self.grid.frames_per_segment

    @property
    def reading(self) -> tuple[str, ...]:
        """How ffmpeg has to read the source itself: no turning of its own, and the decoder."""
        decoder = ("-c:v", self.source_decoder) if self.source_decoder else ()
        return ("-noautorotate", *decoder)

    def as_json(self) -> dict[str, Any]:
        """Return plain values that `from_json` reads back without loss; fractions become text."""
        fields: dict[str, Any] = plain(asdict(self))
        return fields

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        grid = stored["grid"]
        return cls(
            **{
                **stored,
                "grid": Grid(**{**grid, "rate": Fraction(grid["rate"])}),
                "rungs": tuple(Rung(**rung) for rung in stored["rungs"]),
                "chunks": tuple(Chunk(**chunk) for chunk in stored["chunks"]),
                "audio": read_audio_tracks(stored),
            }
        )


def make_plan(film: Film, chunk_seconds: float = 12, largest_rung: int = LARGEST_RUNG) -> Plan:
    """Return the plan for `film` in chunks of about `chunk_seconds`, a whole number of segments each.

    A video of few pictures gets longer chunks and, where it lasts long, a slower grid: the work follows what the
    file holds, not how long it claims to last.

    `largest_rung` is the greatest short side that any rung has.

    The same arguments always give the same plan, so every worker may make it afresh.
    """
    seconds = film.end_seconds - film.start_seconds
    pixels = film.width * film.height
    rate = choose_rate(film.rate, is_variable=film.is_variable)
    rate = bound_repeats(rate, seconds, source_frames=film.frames, pixels=pixels)
    grid = make_grid(rate, film.start_seconds, seconds)
    width, height = film.display_size
    return Plan(
        grid=grid,
        rungs=make_ladder(width, height, largest_rung),
        chunks=_chunks(grid, grid.frames if film.in_one_piece else _frames_per_chunk(grid, chunk_seconds)),
        deinterlace=deinterlace_filter(film),
        filters=picture_filters(film),
        language=film.sound.language if film.sound else "",
        whole_stream=film.video_stream if film.in_one_piece else None,
        width=width,
        height=height,
        duration_seconds=float(grid.seconds(grid.frames)),
        has_audio=film.has_audio,
        truncated=film.truncated,
        decoded_pixels=grown(pixels),
        audio=make_audio_tracks(film.sounds),
        source_decoder=film.source_decoder,
        decoder=film.decoder,
    )


def _frames_per_chunk(grid: Grid, chunk_seconds: float) -> int:
    wanted = chunk_seconds * float(max(grid.rate, SLOWEST_CHUNK_RATE))
    segments = max(1, round(wanted / grid.frames_per_segment))
    return segments * grid.frames_per_segment


def _chunks(grid: Grid, length: int) -> tuple[Chunk, ...]:
    return tuple(
        Chunk(number, first, min(length, grid.frames - first))
        for number, first in enumerate(range(0, grid.frames, length))
    )
