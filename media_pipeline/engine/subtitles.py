"""Subtitles: the film's own text tracks, or what is said in it."""

from dataclasses import dataclass
from pathlib import Path

from media_pipeline.engine.plan import Film, OnProgress


@dataclass(frozen=True, slots=True)
class Track:
    """A WebVTT file and its language as a two- or three-letter code."""

    language: str
    path: Path


def transcribe(
    source: Path, film: Film, into: Path, on_progress: OnProgress, *, model: str = ""
) -> list[Track]:
    """Write one WebVTT file per language into `into`; none where nobody speaks.

    `model` is a folder or name of a Whisper model, "" the packaged tiny.en. Twice: returns the same tracks at
    once where `into` exists.
    """
    raise NotImplementedError
