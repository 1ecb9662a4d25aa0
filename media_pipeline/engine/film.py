"""What a probe found out about a source file."""

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Literal, Self

# Sound and picture that begin or end no further apart than this are meant to do so together.
APART_SECONDS = Fraction(1, 10)
# A picture may grow in the middle of a video to twice its size, or to this one; a decoder refuses a larger one.
GROWN_PIXELS = 4096 * 2304
Transfer = Literal["sdr", "pq", "hlg"]
# The whole text; the whole text with sounds, for those who do not hear them; only what everybody has to read.
TextKind = Literal["subtitles", "captions", "forced"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest film that is taken, and the most work; a probe refuses anything beyond before the work begins.

    The work on the pictures (frames times pixels) may be `free_pixels`, and `pixels_per_byte` more for each byte of
    the file: a long still video is small, but none is that small.
    """

    max_bytes: int = 4 * 1024**3
    max_seconds: float = 4 * 3600
    max_pixels: int = 7680 * 4320
    max_packets: int = 4_000_000
    max_frames: int = 2_000_000
    free_pixels: int = 20_000_000_000
    pixels_per_byte: int = 500_000


@dataclass(frozen=True, slots=True)
class Sound:
    """The audio track that is kept: the first one with packets."""

    stream: int
    codec: str
    language: str
    start_seconds: Fraction
    end_seconds: Fraction


@dataclass(frozen=True, slots=True)
class TextTrack:
    """A subtitle track of the source that holds text (bitmap tracks are left out)."""

    stream: int
    codec: str
    language: str
    kind: TextKind = "subtitles"


@dataclass(frozen=True, slots=True)
class Film:
    """A source as its packets and its decoder tell it; never what the header claims.

    Times are seconds on the source's own clock. `start_seconds` is the film's zero: where the first picture or
    sound is. `width` and `height` are the stored picture, before rotation and before the sample aspect ratio.
    `key_gap_seconds` is the mean distance of key frames that decode by themselves.
    """

    container: str
    video_stream: int
    video_codec: str
    width: int
    height: int
    sample_aspect: Fraction
    rotation: int
    interlaced: bool
    transfer: Transfer
    colour_space: str
    colour_range: str
    bits: int
    rate: Fraction
    is_variable: bool
    frames: int
    key_gap_seconds: float
    start_seconds: Fraction
    video_start_seconds: Fraction
    video_end_seconds: Fraction
    sound: Sound | None
    texts: tuple[TextTrack, ...]
    in_one_piece: bool
    truncated: bool
    # What the owner should know although the video can be made, in whole sentences.
    warnings: tuple[str, ...] = ()
    # The source was remuxed first, and that file is the one which all of this is about.
    is_remuxed: bool = False
    # What the pieces have to be decoded with, where they cannot say so themselves.
    decoder: str = ""

    @property
    def end_seconds(self) -> Fraction:
        """Where the last picture ends, or the sound where it goes on for longer than a codec's padding."""
        if self.sound and self.sound.end_seconds - self.video_end_seconds > APART_SECONDS:
            return self.sound.end_seconds
        return self.video_end_seconds

    @property
    def duration_seconds(self) -> float:
        """Length from the film's zero to its last picture or sound."""
        return float(self.end_seconds - self.start_seconds)

    @property
    def has_audio(self) -> bool:
        """Whether there is a sound track with packets."""
        return self.sound is not None

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height as shown: sample aspect ratio applied, then rotation."""
        wide = round(self.width * self.sample_aspect)
        return (self.height, wide) if self.rotation in (90, 270) else (wide, self.height)

    def as_json(self) -> dict[str, Any]:
        """Return plain values that `from_json` reads back without loss; fractions become text."""
        fields: dict[str, Any] = plain(asdict(self))
        return fields

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        sound = stored["sound"]
        return cls(
            **{
                **stored,
                "sample_aspect": Fraction(stored["sample_aspect"]),
                "rate": Fraction(stored["rate"]),
                "start_seconds": Fraction(stored["start_seconds"]),
                "video_start_seconds": Fraction(stored["video_start_seconds"]),
                "video_end_seconds": Fraction(stored["video_end_seconds"]),
                "sound": sound
                and Sound(
                    **{
                        **sound,
                        "start_seconds": Fraction(sound["start_seconds"]),
                        "end_seconds": Fraction(sound["end_seconds"]),
                    }
                ),
                "texts": tuple(TextTrack(**text) for text in stored["texts"]),
                "warnings": tuple(stored.get("warnings", ())),
            }
        )


def grown(pixels: int) -> int:
    """Return how large a picture may be in a video whose first one has `pixels`."""
    return max(2 * pixels, GROWN_PIXELS)


def plain(value: Any) -> Any:
    """Return `value` with fractions as text and tuples as lists, so that JSON gives the same back."""
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
