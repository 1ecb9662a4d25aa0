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
# The words of DASH's roles (urn:mpeg:dash:role:2011). `main` is the sound of the video, in whatever language.
AudioKind = Literal["main", "dub", "commentary", "description", "enhanced-audio-intelligibility"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest video that is taken, and the most work; a probe refuses anything beyond before the work begins.

    The work on the pictures (frames times pixels) may be `free_pixels`, and `pixels_per_byte` more for each byte of
    the file: a long still video is small, but none is that small.
    """

    max_bytes: int = 4 * 1024**3
    max_seconds: float = 4 * 3600
    max_pixels: int = 7680 * 4320
    max_packets: int = 8_000_000
    max_frames: int = 2_000_000
    free_pixels: int = 20_000_000_000
    pixels_per_byte: int = 500_000
    max_audio_tracks: int = 16


@dataclass(frozen=True, slots=True)
class Sound:
    """An audio track that can be decoded; `is_mixable` where its channels have places, so that they mix to stereo."""

    stream: int
    codec: str
    language: str
    start_seconds: Fraction
    end_seconds: Fraction
    title: str = ""
    kind: AudioKind = "main"
    channels: int = 2
    is_mixable: bool = True


@dataclass(frozen=True, slots=True)
class TextTrack:
    """A subtitle track of the source that holds text (bitmap tracks are left out)."""

    stream: int
    codec: str
    language: str
    kind: TextKind = "subtitles"


@dataclass(frozen=True, slots=True)
class Chapter:
    """Where a chapter starts, on the source's own clock, and its title as the source has it."""

    start_seconds: Fraction
    title: str


@dataclass(frozen=True, slots=True)
class Film:
    """A source as its packets and its decoder tell it; never what the header claims.

    Times are seconds on the source's own clock. `start_seconds` is the video's zero: where the first picture or
    the default sound is. `sounds` begins with the default one; the others are cut and filled to its length and the
    picture's. `width` and `height` are the stored picture, before rotation and before the sample aspect ratio; where
    the size changes, that of the largest pictures that last.
    `rotation` is counter-clockwise; a `mirrored` picture is flipped left to right before it is turned.
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
    sounds: tuple[Sound, ...]
    texts: tuple[TextTrack, ...]
    in_one_piece: bool
    truncated: bool
    mirrored: bool = False
    # Pictures of another shape come between; they are shown whole, with bars.
    letterboxed: bool = False
    has_alpha: bool = False
    # What the source itself has to be decoded with, "" for ffmpeg's own choice.
    source_decoder: str = ""
    # What the owner should know although the video can be made, in whole sentences.
    warnings: tuple[str, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    # The source was remuxed first, and that file is the one which all of this is about.
    is_remuxed: bool = False
    # What the pieces have to be decoded with, where they cannot say so themselves.
    decoder: str = ""

    @property
    def sound(self) -> Sound | None:
        """The default audio track."""
        return self.sounds[0] if self.sounds else None

    @property
    def end_seconds(self) -> Fraction:
        """Where the last picture ends, or the default sound where it goes on for longer than a codec's padding."""
        if self.sound and self.sound.end_seconds - self.video_end_seconds > APART_SECONDS:
            return self.sound.end_seconds
        return self.video_end_seconds

    @property
    def duration_seconds(self) -> float:
        """Length from the video's zero to its last picture or sound."""
        return float(self.end_seconds - self.start_seconds)

    @property
    def has_audio(self) -> bool:
        """Whether there is a sound track with packets."""
        return bool(self.sounds)

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
        """Read what `as_json` wrote, also before there could be several sounds."""
        fields = {name: value for name, value in stored.items() if name != "sound"}
        sounds = stored["sounds"] if "sounds" in stored else [stored["sound"]] if stored["sound"] else []
        return cls(
            **{
                **fields,
                "sample_aspect": Fraction(stored["sample_aspect"]),
                "rate": Fraction(stored["rate"]),
                "start_seconds": Fraction(stored["start_seconds"]),
                "video_start_seconds": Fraction(stored["video_start_seconds"]),
                "video_end_seconds": Fraction(stored["video_end_seconds"]),
                "sounds": tuple(_sound(sound) for sound in sounds),
                "texts": tuple(TextTrack(**text) for text in stored["texts"]),
                "warnings": tuple(stored.get("warnings", ())),
                "chapters": tuple(
                    Chapter(Fraction(chapter["start_seconds"]), chapter["title"])
                    for chapter in stored.get("chapters", ())
                ),
            }
        )


def _sound(stored: dict[str, Any]) -> Sound:
    times = {name: Fraction(stored[name]) for name in ("start_seconds", "end_seconds")}
    return Sound(**{**stored, **times})


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
