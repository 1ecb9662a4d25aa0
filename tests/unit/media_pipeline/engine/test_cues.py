from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from media_pipeline.engine.cues import Cue, Word, as_vtt, clock, make_cues


@st.composite
def speech(draw):
    """Words one after the other, of any length, with and without pauses."""
    now, words = 0.0, []
    for text in draw(st.lists(st.text("abcdefgh.,!", min_size=1, max_size=20), max_size=60)):
        now += draw(st.floats(0, 2))
        length = draw(st.floats(0.05, 1))
        words.append(Word(f" {text}", now, now + length))
        now += length
    return words


@given(speech())
def test_cues_are_short_apart_and_lose_no_word(words):
    cues = make_cues(words)

    assert " ".join(cue.text for cue in cues).split() == [word.text.strip() for word in words]
    for cue in cues:
        assert all(len(line) <= 42 for line in cue.text.split("\n"))
        assert cue.text.count("\n") <= 1
        assert 0 < cue.end - cue.start <= 6.001
    for cue, following in pairwise(cues):
        assert cue.end <= following.start + 0.002


def test_a_sentence_ends_a_cue():
    words = [Word("One.", 0, 0.4), Word("Two", 0.5, 0.8), Word("three.", 0.8, 1.2)]

    assert [cue.text for cue in make_cues(words)] == ["One.", "Two three."]


def test_no_words_are_no_cues():
    assert make_cues([]) == []


def test_text_cannot_end_or_begin_a_cue():
    text = as_vtt([Cue(0, 1, "a < b --> c & d")])

    assert text == "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\na &lt; b --&gt; c &amp; d\n"


def test_clock_counts_hours():
    assert clock(3661.0015) == "01:01:01.002"
    assert clock(-1) == "00:00:00.000"
