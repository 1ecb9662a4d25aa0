"""Carry the packets of any codec in NUT, which keeps time stamps exactly but knows only some codecs by a tag."""

import io
from typing import Any, NamedTuple

import av

# Declared in place of a codec that NUT has no tag for; whoever reads the piece has to be told the real decoder. It has
# no parser and is not intra-only: of such codecs, libav takes every packet for a key frame.
STAND_IN = "zmbv"


class Carriage(NamedTuple):
    """How NUT holds a codec: whether under its own name, and whether with the tag that the source has."""

    is_named: bool
    keeps_tag: bool


def choose_carriage(source: Any) -> Carriage | None:
    """Return the closest way in which NUT takes the packets of `source`, None where it takes them in no way."""
    ways = (Carriage(True, True), Carriage(True, False), Carriage(False, True), Carriage(False, False))
    return next((way for way in ways if _is_taken(source, way)), None)


def open_piece(target: Any, source: Any, carriage: Carriage) -> tuple[Any, Any]:
    """Return a new NUT file, its header written, and its only stream, which is like `source`."""
    # With a name of its own, NUT's reader must know the tag; a stand-in may have any.
    strict = "normal" if carriage.is_named else "experimental"
    container = av.open(target, "w", format="nut", options={"strict": strict})
    stream = _named(container, source) if carriage.is_named else _stand_in(container, source)
    if carriage.keeps_tag:
        stream.codec_context.codec_tag = source.codec_context.codec_tag
    stream.time_base = source.time_base
    container.start_encoding()
    return container, stream


def _is_taken(source: Any, carriage: Carriage) -> bool:
    try:
        container, _ = open_piece(io.BytesIO(), source, carriage)
        container.close()
    except (av.FFmpegError, ValueError):
        return False
    return True


def _named(container: Any, source: Any) -> Any:
    return container.add_stream_from_template(source, opaque=True)


def _stand_in(container: Any, source: Any) -> Any:
    with av.open(io.BytesIO(), "w", format="nut") as pattern:
        stream = container.add_stream_from_template(pattern.add_stream(STAND_IN), opaque=True)
    stream.codec_context.width = source.codec_context.width
    stream.codec_context.height = source.codec_context.height
    if source.codec_context.extradata:
        stream.codec_context.extradata = source.codec_context.extradata
    return stream
