"""Subtitles: the video's own text tracks, or what is said in it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self, cast

import structlog

from celery_ledger import Permanent
from media_pipeline.engine.atomic import building
from media_pipeline.engine.audio import IN_STEP, read_sound
from media_pipeline.engine.cue_cleaning import clean, read_ass
from media_pipeline.engine.cues import Cue, as_vtt, make_cues
from media_pipeline.engine.ffmpeg import budget_for, read_from, run_ffmpeg, text_budget, write_to
from media_pipeline.engine.film import TextKind, TextTrack
from media_pipeline.engine.languages import language_tag, track_title
from media_pipeline.engine.plan import Film, OnProgress, Plan, Sound
from media_pipeline.engine.reel import Reel
from media_pipeline.engine.speech import SAMPLE_RATE, hear

log = structlog.get_logger(__name__)

LISTENING_SHARE = 0.05
# Beside the tracks: why others are missing. Hidden, as what nobody may fetch is.
LEFT_OUT = ".left_out.json"
ASS_CODECS = {"ass", "ssa"}


@dataclass(frozen=True, slots=True)
class Track:
    """A WebVTT file, its language as a BCP 47 tag, and which text of that language it is."""

    language: str
    path: Path
    kind: TextKind = "subtitles"

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return the track in `path`, whose name says language and kind: en.vtt, en.forced.vtt."""
        language, _, kind = path.stem.partition(".")
        return cls(language, path, cast(TextKind, kind or "subtitles"))


def transcribe(  # noqa: PLR0913 - the video's three parts, then where to, told to whom, and by what
    source: Path, film: Film, plan: Plan, into: Path, on_progress: OnProgress, *, model: str = ""
) -> list[Track]:
    """Write one WebVTT file per language and kind into `into`: en.vtt, en.captions.vtt, en.forced.vtt.

    The text tracks of the video come first: what people wrote is better than what a model hears. Where they hold no
    whole text, what is said is added; nothing where nobody speaks. `model` is a folder or name of a Whisper model,
    "" the packaged tiny.en. Twice: returns the same tracks at once where `into` exists.
    """
    if not into.exists():
        reel = Reel(source, film, plan, into)
        with building(into) as folder:
            tracks, reasons = _copy_texts(reel, folder)
            if film.sound and not any(track.kind != "forced" for track in tracks):
                reasons += _add_speech(reel, film.sound, folder, on_progress, model, is_all=not tracks)
            (folder / LEFT_OUT).write_text(json.dumps(reasons))
    on_progress(1.0)
    tracks = [Track.of(path) for path in into.glob("*.vtt")]
    # The first one is what a player shows unless told otherwise.
    return sorted(tracks, key=lambda track: (track.kind == "forced", track.path.name))


def left_out(folder: Path) -> list[str]:
    """Return the sentences that say which texts `transcribe` had to leave out of this folder, and why."""
    note = folder / LEFT_OUT
    reasons: list[str] = json.loads(note.read_bytes()) if note.is_file() else []
    return reasons


def _copy_texts(reel: Reel, folder: Path) -> tuple[list[Track], list[str]]:
    """Write the first text track of each language and kind that has a visible cue; return them, and what is missing.

    One that is larger than any real one, or broken, is left out, with a sentence that says so.
    """
    tracks: list[Track] = []
    missing: dict[str, str] = {}
    for text in reel.film.texts:
        track = Track.of(folder / _file_name(text))
        if track in tracks:
            continue
        try:
            cues = _read_text(reel, text, folder)
        except Permanent as error:
            # The video can be watched without it.
            log.warning("text_track_left_out", language=track.language, reason=str(error))
            missing[track.path.name] = f"The text track “{_title(track)}” was left out: {error}"
            continue
        if cues:
            track.path.write_text(as_vtt(cues))
            tracks.append(track)
            # Another one of this language and kind could be read.
            missing.pop(track.path.name, None)
    return tracks, list(missing.values())


def _add_speech(  # noqa: PLR0913 - those of _write_speech, and whether there is other text
    reel: Reel, sound: Sound, folder: Path, on_progress: OnProgress, model: str, *, is_all: bool
) -> list[str]:
    """Write down what is said; where it is not all the text there is, return why it had to be left out."""
    try:
        _write_speech(reel, sound, folder, on_progress, model)
    except Permanent as error:
        if is_all:
            raise
        return [f"What is said was not written down: {error}"]
    return []


def _title(track: Track) -> str:
    return track_title(track.language, track.kind)


def _file_name(text: TextTrack) -> str:
    kind = "" if text.kind == "subtitles" else f".{text.kind}"
    return f"{language_tag(text.language)}{kind}.vtt"


def _read_text(reel: Reel, text: TextTrack, folder: Path) -> list[Cue]:
    """Read the track through ASS: it keeps what cleaning needs to see, drawings for instance."""
    zero = reel.plan.grid.seconds(reel.plan.grid.first)
    script = folder / "text.ass"
    try:
        run_ffmpeg(
            [
                *("-copyts", "-itsoffset", f"{float(-zero):.6f}", *read_from(reel.source, "-vn", "-an")),
                *("-map", f"0:{text.stream}", "-c:s", "ass", "-f", "ass", "-bitexact", write_to(script)),
            ],
            budget=text_budget(reel.plan.duration_seconds),
            beside=reel.into,
        )
        cues = read_ass(
            script.read_text(encoding="utf-8", errors="replace"), is_converted=text.codec not in ASS_CODECS
        )
        return clean(cues, reel.plan.duration_seconds)
    finally:
        script.unlink(missing_ok=True)


def _write_speech(reel: Reel, sound: Sound, folder: Path, on_progress: OnProgress, model: str) -> None:
    wave = folder / "sound.wav"
    try:
        run_ffmpeg(
            [
                *read_sound(reel.source, sound, reel.plan, f"aresample={SAMPLE_RATE}:{IN_STEP}[sound]"),
                *("-map", "[sound]", "-ac", "1", "-c:a", "pcm_s16le", write_to(wave)),
            ],
            budget=budget_for(reel.plan.duration_seconds, 1),
            beside=reel.into,
            seconds=reel.plan.duration_seconds,
            on_progress=lambda share: on_progress(LISTENING_SHARE * share),
        )
        heard = hear(
            wave,
            model,
            language_tag(sound.language) if sound.language else "",
            lambda share: on_progress(LISTENING_SHARE + (1 - LISTENING_SHARE) * share),
        )
    finally:
        wave.unlink(missing_ok=True)
    if cues := clean(make_cues(heard.words), reel.plan.duration_seconds):
        (folder / f"{heard.language}.vtt").write_text(as_vtt(cues))
