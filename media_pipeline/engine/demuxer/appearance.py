"""What one decoded picture looks like."""

from fractions import Fraction
from typing import Any, NamedTuple

import av

from .orientation import orientation

# Numbers of ITU-T H.273, as libav has them.
TRANSFERS = {16: "pq", 18: "hlg"}
FULL_RANGE = 2
HD_HEIGHT = 720
WIDEST_ASPECT = Fraction(10)
# Transparency is looked for in a small copy.
ALPHA_SIDE, ALPHA_BYTE = 64, 3


class Appearance(NamedTuple):
    """All that is kept of a decoded picture; pictures themselves are too large to keep."""

    width: int
    height: int
    sample_aspect: Fraction
    rotation: int
    mirrored: bool
    interlaced: bool
    transfer: str
    colour_space: str
    colour_range: str
    bits: int
    has_alpha: bool

    @property
    def pixels(self) -> int:
        """The size of the stored picture."""
        return self.width * self.height

    @property
    def aspect(self) -> Fraction:
        """The shape as shown, before the turn."""
        return Fraction(self.width, self.height) * self.sample_aspect


def appearance(frame: Any, sample_aspect: Fraction | None) -> Appearance:
    """Return what `frame` looks like."""
    is_full = int(frame.color_range) == FULL_RANGE or frame.format.name.startswith("yuvj")
    return Appearance(
        width=frame.width,
        height=frame.height,
        sample_aspect=sane_aspect(sample_aspect),
        **orientation(frame),
        interlaced=bool(frame.interlaced_frame),
        transfer=TRANSFERS.get(int(frame.color_trc), "sdr"),
        colour_space=colour_space(frame),
        colour_range="pc" if is_full else "tv",
        bits=max(component.bits for component in frame.format.components),
        has_alpha=has_alpha(frame),
    )


def sane_aspect(aspect: Fraction | None) -> Fraction:
    """Return the sample aspect ratio, square where there is none or one that no camera has."""
    return aspect if aspect and 1 / WIDEST_ASPECT <= aspect <= WIDEST_ASPECT else Fraction(1)


def colour_space(frame: Any) -> str:
    """Return "rgb", "bt709", "bt2020" or "bt601"; an untagged picture is judged by its size, as players do."""
    if frame.format.is_rgb or frame.format.has_palette:
        return "rgb"
    tagged = {1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020", 10: "bt2020"}
    return tagged.get(int(frame.colorspace), "bt709" if frame.height >= HD_HEIGHT else "bt601")


def has_alpha(frame: Any) -> bool:
    """Return whether some of the picture can be seen and, by its format, some of it may be transparent.

    Writers that know of no transparency leave all of the alpha channel at zero: such a picture is opaque.
    """
    if not frame.format.has_palette and not any(part.is_alpha for part in frame.format.components):
        return False
    try:
        plane = frame.reformat(width=ALPHA_SIDE, height=ALPHA_SIDE, format="rgba").planes[0]
    except (av.FFmpegError, ValueError):
        # What libav cannot convert here, the encoder could not lay on black either.
        return False
    content, line = bytes(plane), plane.line_size
    alphas = [
        content[start + ALPHA_BYTE : start + 4 * ALPHA_SIDE : 4]
        for start in range(0, line * ALPHA_SIDE, line)
    ]
    seen = set().union(*alphas)
    return seen != {0} and (not frame.format.has_palette or min(seen) < max(seen))
