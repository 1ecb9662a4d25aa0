"""What the pictures look like, from a few that are decoded."""

from fractions import Fraction
from itertools import islice
from typing import Any

import av
from av.stream import Disposition

from .appearance import Appearance, appearance
from .damage import broken
from .samples import lasting, sample
from .source import Refused, open_source, packets_of

KEY_FRAMES_TRIED = 3
PACKETS_TRIED = 300
PICTURES_BESIDE = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails
APART_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
LONGEST_APART_SECONDS = 600
# Shapes that differ by less are the same, rounded to whole pixels.
SAME_SHAPE = Fraction(1, 50)


def refuse_undecodable(stream: Any, max_pixels: int) -> None:
    """Refuse what has no decoder, and a picture too large, before one byte of it is decoded."""
    context = stream.codec_context
    if context is None:
        raise Refused("codec")
    if context.width * context.height > max_pixels:
        raise Refused("pixels")


def look(path: str, formats: str, film: dict[str, Any], max_pixels: int) -> dict[str, Any]:
    """Decode a few key frames and return what they look like; refuse a video of which none can be decoded.

    Where the picture's size changes, it is that of the largest pictures that last.
    """
    index = film["video_stream"]
    first = decode(path, formats, index, max_pixels, "NONKEY") or decode(
        path, formats, index, max_pixels, "NONE"
    )
    if not first:
        raise Refused("broken")
    samples = sample(path, formats, film, max_pixels)
    later = [each.seen for each in samples if each.seen]
    chosen = lasting(later or first[:1])
    return chosen._asdict() | {
        "interlaced": any(seen.interlaced for seen in first),
        "has_alpha": any(seen.has_alpha for seen in [*first, *later]),
        "warnings": broken(samples, film["video_start_seconds"]),
        "letterboxed": any(is_of_another_shape(seen, chosen) for seen in [*first, *later]),
    }


def transparency_apart(video: Any, film: dict[str, Any]) -> dict[str, Any]:
    """Return what has to be known of VP8 and VP9 whose transparency is a second stream beside each packet (WebM).

    Only libvpx decodes it, and pieces cannot carry it; longer videos than a title or a sticker are taken as opaque.
    """
    decoder = APART_DECODERS.get(video.codec_context.name)
    seconds = film["video_end_seconds"] - film["video_start_seconds"]
    # Writers differ in the case of the tag.
    tags = {name.lower(): value for name, value in video.metadata.items()}
    if decoder is None or tags.get("alpha_mode") != "1" or seconds > LONGEST_APART_SECONDS:
        return {}
    return {"has_alpha": True, "in_one_piece": True, "source_decoder": decoder}


def is_of_another_shape(seen: Appearance, chosen: Appearance) -> bool:
    """Return whether a picture would be distorted if it were stretched to the chosen one's size.

    Where the sample aspect ratio changes with the size, broadcasters keep the shape on the screen.
    """
    return seen.sample_aspect == chosen.sample_aspect and abs(seen.aspect / chosen.aspect - 1) > SAME_SHAPE


def decode(path: str, formats: str, index: int, max_pixels: int, skip: str) -> list[Appearance]:
    """Return what up to three pictures from the beginning of the video look like."""
    found: list[Appearance] = []
    with open_source(path, formats) as container:
        stream = container.streams[index]
        context = stream.codec_context
        context.skip_frame = skip
        context.options = {"max_pixels": str(max_pixels)}
        for packet in islice(packets_of(container, stream), PACKETS_TRIED if skip == "NONE" else None):
            if skip == "NONKEY" and not packet.is_keyframe and packet.size:
                continue
            try:
                found += [appearance(frame, stream.sample_aspect_ratio) for frame in packet.decode()]
            except (av.FFmpegError, ValueError):
                continue
            if len(found) >= KEY_FRAMES_TRIED:
                break
    return [seen for seen in found if seen.pixels <= max_pixels][:KEY_FRAMES_TRIED]
