"""What a player loads of a video that is still processed: playlists over the encoded chunks, and parts of those.

master.m3u8, 720.m3u8, audio.m3u8     playlists, written anew for each request
720/init.mp4, audio/init.mp4          headers
720/3-1.m4s                           the second segment of chunk 3
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from media_pipeline.engine.encode import rung_name
from media_pipeline.engine.fragments import h264_codec, read_layout
from media_pipeline.engine.plan import Plan, Rung
from media_pipeline.engine.preview import (
    FRAGMENTED_AUDIO,
    encoded_seconds,
    main_playlist,
    media_playlist,
    picture_segments,
    sound_segments,
)
from media_pipeline.files import storage
from media_pipeline.models import Video
from media_pipeline.plans import plan_of

MAIN: Final = "master.m3u8"
AUDIO: Final = "audio"
AUDIO_FOLDER: Final = "preview-audio"
_PLAYLIST: Final = re.compile(r"(\w{1,20})\.m3u8", re.ASCII)
_HEADER: Final = re.compile(r"(\w{1,20})/init\.mp4", re.ASCII)
_SEGMENT: Final = re.compile(r"(\w{1,20})/([0-9]{1,9})-([0-9]{1,9})\.m4s", re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of a file, from the first to before the end."""

    path: Path
    first: int
    end: int


def find(video: Video, encoded_chunks: int, path: str) -> str | Part | None:
    """Return the playlist or the part of a file at `path`, None where there is none (any more, or yet).

    `encoded_chunks` is how many chunks are whole, counted from the first without a gap.
    """
    preview = _Preview(video, plan_of(video), encoded_chunks)
    try:
        if path == MAIN:
            return preview.main()
        if match := _PLAYLIST.fullmatch(path):
            return preview.playlist(match[1])
        if match := _HEADER.fullmatch(path):
            return preview.header(match[1])
        if match := _SEGMENT.fullmatch(path):
            return preview.segment(match[1], int(match[2]), int(match[3]))
    except FileNotFoundError:
        return None  # No such part; or the video has just become ready, or was removed.
    return None


class _Preview:
    """One video's chunks that are whole, and its sound."""

    def __init__(self, video: Video, plan: Plan, encoded_chunks: int) -> None:
        self._video_id = str(video.pk)
        self._plan = plan
        self._encoded = encoded_chunks

    def main(self) -> str:
        rungs = [(rung, h264_codec(self._chunk(rung, 0))) for rung in self._plan.rungs]
        audio = f"{AUDIO}.m3u8" if self._plan.has_audio and self._find_sound() else ""
        return main_playlist(rungs, self._plan.rate, audio=audio)

    def playlist(self, name: str) -> str:
        is_complete = self._encoded == len(self._plan.chunks)
        if name == AUDIO:
            fragments = read_layout(self._sound()).fragments
            segments = sound_segments(fragments, encoded_seconds(self._plan, self._encoded))
        else:
            self._rung(name)
            segments = picture_segments(self._plan, self._encoded)
        return media_playlist(name, segments, is_complete=is_complete)

    def header(self, name: str) -> Part:
        # The chunks of a rung have one header: packaging joins them.
        path = self._sound() if name == AUDIO else self._chunk(self._rung(name), 0)
        return Part(path, 0, read_layout(path).header_bytes)

    def segment(self, name: str, number: int, place: int) -> Part:
        if name == AUDIO:
            path, place = self._sound(), number
        else:
            path = self._chunk(self._rung(name), number)
        fragments = read_layout(path).fragments
        if place >= len(fragments):
            raise FileNotFoundError(name)
        return Part(path, fragments[place].first, fragments[place].end)

    def _rung(self, name: str) -> Rung:
        for rung in self._plan.rungs:
            if rung.name == name:
                return rung
        raise FileNotFoundError(name)

    def _chunk(self, rung: Rung, number: int) -> Path:
        if number >= self._encoded:
            raise FileNotFoundError(number)
        return _there(storage.work_file(self._video_id, storage.chunk_name(number), rung_name(rung)))

    def _sound(self) -> Path:
        return _there(self._find_sound())

    def _find_sound(self) -> Path | None:
        return storage.work_file(self._video_id, AUDIO_FOLDER, FRAGMENTED_AUDIO)


def _there(path: Path | None) -> Path:
    if path is None:
        raise FileNotFoundError
    return path
