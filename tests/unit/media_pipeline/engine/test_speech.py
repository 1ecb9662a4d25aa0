"""Words out of sound: when they begin, and in which language."""

import wave
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from media_pipeline import sample
from media_pipeline.engine import speech
from media_pipeline.engine.speech import SAMPLE_RATE, hear
from tests.unit.media_pipeline.engine.films import ffmpeg
from tests.unit.media_pipeline.engine.reading import nothing

SAMPLE = Path(sample.__file__).with_name("offstage.mp4")
# The first sentence of the sample, and when its first word begins, as seen in the wave.
SENTENCE_END, FIRST_WORD = 2.6, 0.91


def _write(path: Path, samples: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.astype(np.int16).tobytes())
    return path


@pytest.mark.parametrize("gap", [3, 12])
def test_words_after_a_gap_begin_with_the_voice(tmp_path, gap):
    """They began 0.36 s too early: with the silence that the model is given before each passage."""
    whole = tmp_path / "sample.wav"
    ffmpeg("-i", SAMPLE, "-t", SENTENCE_END, "-ac", 1, "-ar", SAMPLE_RATE, whole)
    with wave.open(str(whole)) as file:
        sentence = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    silence = np.zeros(gap * SAMPLE_RATE, np.int16)
    sound = _write(tmp_path / "sound.wav", np.concatenate([silence, sentence, silence, sentence]))

    heard = hear(sound, "", "en", nothing)

    begins = [word.start for word in heard.words if word.text.strip() == "Welcome"]
    second = 2 * gap + len(sentence) / SAMPLE_RATE + FIRST_WORD
    assert begins == pytest.approx([gap + FIRST_WORD, second], abs=0.15)


@pytest.mark.parametrize(
    ("start", "end", "begins"),
    [
        (0.5, 1.3, 0.9),  # 0.4 s of silence in front
        (0.8, 1.3, 0.8),  # nearer than the two agree
        (1.2, 1.5, 1.2),  # within the voice
        (3.5, 4.5, 4.0),  # in the pause before the next
        (3.0, 3.5, 3.0),  # nobody speaks: not ours to say
        (6.0, 7.0, 6.0),  # after the last
    ],
)
def test_a_word_begins_no_earlier_than_its_voice(start, end, begins):
    word = SimpleNamespace(start=start, end=end)

    assert speech._first_voice(word, [(0.9, 2.0), (4.0, 5.0)]) == begins


class Model:
    """A multilingual model that hears one word in each stretch, in the languages of `found` in turn, then the last."""

    supported_languages = ("en", "de", "pt")

    def __init__(self, *found: tuple[str, float]) -> None:
        self.model = SimpleNamespace(is_multilingual=True)
        self.found = list(found)
        self.asked: list[str | None] = []

    def transcribe(self, samples, *, language, **options):
        self.asked.append(language)
        detected, certainty = self.found.pop(0) if len(self.found) > 1 else self.found[0]
        word = SimpleNamespace(word=" ja", start=0.1, end=0.4)
        segment = SimpleNamespace(
            end=1.0, no_speech_prob=0.9, avg_logprob=certainty, compression_ratio=1.0, words=[word]
        )
        return [segment], SimpleNamespace(language=language or detected)


@pytest.fixture
def stretches(tmp_path, monkeypatch):
    monkeypatch.setattr(speech, "STRETCH_SECONDS", 1)
    monkeypatch.setattr(speech, "SEARCH_SECONDS", 1)
    return _write(tmp_path / "sound.wav", np.zeros(int(2.5 * SAMPLE_RATE)))


def test_the_language_is_detected_where_somebody_speaks(stretches, monkeypatch):
    model = Model(("en", -0.9), ("de", -0.2), ("en", -0.2))
    monkeypatch.setattr(speech, "_load", lambda name: model)

    heard = hear(stretches, "some model", "", nothing)

    # The first stretch is music: what was made of it is dropped, and with it its language.
    assert heard.language == "de"
    assert model.asked[:3] == [None, None, "de"]


@pytest.mark.parametrize(
    ("tag", "asked", "said"),
    [("pt-BR", "pt", "pt-BR"), ("de", "de", "de"), ("hsb", None, "de"), ("", None, "de")],
)
def test_the_language_follows_the_tag_of_the_track(stretches, monkeypatch, tag, asked, said):
    model = Model(("de", -0.2))
    monkeypatch.setattr(speech, "_load", lambda name: model)

    heard = hear(stretches, "some model", tag, nothing)

    assert (model.asked[0], heard.language) == (asked, said)
