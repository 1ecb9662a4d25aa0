"""What the pictures look like, from a few that are decoded."""

from fractions import Fraction
from itertools import islice
from typing import Any

import av
from av.stream import Disposition

from .orientation import orientation
from .source import Refused, open_source, packets_of

KEY_FRAMES_TRIED = 3
PACKETS_TRIED = 300
# Numbers of ITU-T H.273, as libav has them.
TRANSFERS = {16: "pq", 18: "hlg"}
FULL_RANGE = 2
HD_HEIGHT = 720
WIDEST_ASPECT = Fraction(10)
PICTURES_BESIDE = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails


def refuse_undecodable(stream: Any, max_pixels: int) -> None:
    """Refuse what has no decoder, and a picture too large, before one byte of it is decoded."""
    context = stream.codec_context
    if context is None:
        raise Refused("codec")
    if context.width * context.height > max_pixels:
        raise Refused("pixels")


def look(path: str, formats: str, index: int, max_pixels: int) -> dict[str, Any]:
    """Decode a few key frames and return what they look like; refuse a film of which none can be decoded."""
    frames = decode(path, formats, index, max_pixels, "NONKEY") or decode(
        path, formats, index, max_pixels, "NONE"
    )
    if not frames:
        raise Refused("broken")
    frame = frames[0][0]
    aspect = frames[0][1]
    return {
        "width": frame.width,
        "height": frame.height,
        "sample_aspect": aspect if aspect and 1 / WIDEST_ASPECT <= aspect <= WIDEST_ASPECT else Fraction(1),
        **orientation(frame),
        "interlaced": any(candidate.interlaced_frame for candidate, _ in frames),
        "transfer": TRANSFERS.get(int(frame.color_trc), "sdr"),
        "colour_space": colour_space(frame),
        "colour_range": "pc"
        if int(frame.color_range) == FULL_RANGE or frame.format.name.startswith("yuvj")
        else "tv",
        "bits": max(component.bits for component in frame.format.components),
    }


def colour_space(frame: Any) -> str:
    """Return "rgb", "bt709", "bt2020" or "bt601"; an untagged picture is judged by its size, as players do."""
    if frame.format.is_rgb or frame.format.has_palette:
        return "rgb"
    tagged = {1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020", 10: "bt2020"}
    return tagged.get(int(frame.colorspace), "bt709" if frame.height >= HD_HEIGHT else "bt601")


def decode(
    path: str, formats: str, index: int, max_pixels: int, skip: str
) -> list[tuple[Any, Fraction | None]]:
    """Return up to three decoded frames with their sample aspect ratio, from the beginning of the film."""
    found: list[tuple[Any, Fraction | None]] = []
    with open_source(path, formats) as container:
        stream = container.streams[index]
        context = stream.codec_context
        context.skip_frame = skip
        context.options = {"max_pixels": str(max_pixels)}
        for packet in islice(packets_of(container, stream), PACKETS_TRIED if skip == "NONE" else None):
            if skip == "NONKEY" and not packet.is_keyframe and packet.size:
                continue
            try:
                found += [(frame, stream.sample_aspect_ratio) for frame in packet.decode()]
            except (av.FFmpegError, ValueError):
                continue
            if len(found) >= KEY_FRAMES_TRIED:
                break
    return [pair for pair in found if pair[0].width * pair[0].height <= max_pixels][:KEY_FRAMES_TRIED]
