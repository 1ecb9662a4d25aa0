"""Subtitles: the film's own text tracks, or what is said in it."""

from dataclasses import dataclass
from pathlib import Path

import structlog

from jobs.errors import Permanent
from media_pipeline.engine.atomic import building
from media_pipeline.engine.audio import in_step, read_sound
from media_pipeline.engine.cues import as_vtt, make_cues
from media_pipeline.engine.ffmpeg import budget_for, read_from, run_ffmpeg, text_budget, write_to
from media_pipeline.engine.languages import short_code
from media_pipeline.engine.plan import Film, OnProgress, Plan
from media_pipeline.engine.reel import Reel
from media_pipeline.engine.speech import SAMPLE_RATE, hear

log = structlog.get_logger(__name__)

LISTENING_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Track:
    """A WebVTT file and its language as a two- or three-letter code."""

    language: str
    path: Path


def transcribe(  # noqa: PLR0913 - the film's three parts, then where to, told to whom, and by what
    source: Path, film: Film, plan: Plan, into: Path, on_progress: OnProgress, *, model: str = ""
) -> list[Track]:
    """Write one WebVTT file per language into `into`, named en.vtt and so on; none where nobody speaks.

    Text tracks of the film come first: what people wrote is better than what a model hears. `model` is a folder
    or name of a Whisper model, "" the packaged tiny.en. Twice: returns the same tracks at once where `into` exists.
    """
    if not into.exists():
        reel = Reel(source, film, plan, into)
        with building(into) as folder:
            if film.texts:
                _copy_texts(reel, folder)
            elif film.sound:
                _write_speech(reel, folder, on_progress, model)
    on_progress(1.0)
    return [Track(path.stem, path) for path in sorted(into.glob("*.vtt"))]


def _copy_texts(reel: Reel, folder: Path) -> None:
    """Write the first text track of each language; one that is larger than any real one, or broken, is left out."""
    zero = reel.plan.grid.seconds(reel.plan.grid.first)
    by_language = {short_code(text.language): text for text in reversed(reel.film.texts)}
    for language, text in by_language.items():
        target = folder / f"{language}.vtt"
        try:
            run_ffmpeg(
                [
                    *("-copyts", "-itsoffset", f"{float(-zero):.6f}", *read_from(reel.source, "-vn", "-an")),
                    *("-map", f"0:{text.stream}", "-c:s", "webvtt", "-f", "webvtt", "-bitexact"),
                    write_to(target),
                ],
                budget=text_budget(reel.plan.duration_seconds),
                beside=reel.into,
            )
        except Permanent as error:
            # The video can be watched without it.
            log.warning("text_track_left_out", language=language, reason=str(error))
            target.unlink(missing_ok=True)


def _write_speech(reel: Reel, folder: Path, on_progress: OnProgress, model: str) -> None:
    wave = folder / "sound.wav"
    run_ffmpeg(
        [
            *read_sound(reel.source, reel.film, reel.plan),
            *("-af", in_step(SAMPLE_RATE), "-ac", "1", "-c:a", "pcm_s16le", write_to(wave)),
        ],
        budget=budget_for(reel.plan.duration_seconds, 1),
        beside=reel.into,
        seconds=reel.plan.duration_seconds,
        on_progress=lambda share: on_progress(LISTENING_SHARE * share),
    )
    spoken = reel.film.sound.language if reel.film.sound else ""
    heard = hear(
        wave,
        model,
        short_code(spoken) if spoken else "",
        lambda share: on_progress(LISTENING_SHARE + (1 - LISTENING_SHARE) * share),
    )
    wave.unlink()
    if heard.words:
        (folder / f"{heard.language}.vtt").write_text(as_vtt(make_cues(heard.words)))
