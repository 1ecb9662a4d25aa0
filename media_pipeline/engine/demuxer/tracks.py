"""What the streams of a file say of themselves."""

import re
from typing import Any

from av.stream import Disposition

TEXT_CODECS = {"mov_text", "srt", "subrip", "ass", "ssa", "webvtt", "text"}
TAG = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{1,8}){0,4}", re.ASCII)


def describe(container: Any, video: Any) -> dict[str, Any]:
    """Return what the streams say of themselves."""
    return {
        "container": container.format.name,
        "video_stream": video.index,
        "video_codec": video.codec_context.name,
        "texts": [
            {
                "stream": stream.index,
                "codec": stream.codec_context.name,
                "language": language(stream),
                "kind": text_kind(stream.disposition),
            }
            for stream in container.streams.subtitles
            if stream.codec_context is not None and stream.codec_context.name in TEXT_CODECS
        ],
    }


def text_kind(disposition: Any) -> str:
    """Return a word of film.py's TextKind. Forced comes first: it says that the track is not the whole text."""
    if disposition & Disposition.forced:
        return "forced"
    return "captions" if disposition & (Disposition.hearing_impaired | Disposition.captions) else "subtitles"


def language(stream: Any) -> str:
    """Return the stream's language tag as it is written, "" where it has none."""
    tag = str(stream.metadata.get("language", "")).lower()
    return tag if TAG.fullmatch(tag) and tag != "und" else ""
