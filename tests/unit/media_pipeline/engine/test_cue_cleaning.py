"""Cues from everywhere, as they are shown."""

import pytest

from media_pipeline.engine.cue_cleaning import OVERRIDE, clean, plain_text, read_ass
from media_pipeline.engine.cues import Cue


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (r"{\p1}m 0 0 l 100 0 100 100{\p0}", ""),
        (r"{\an5\p4\1c&HFF&}m 0 0{\p0}Sign", "Sign"),
        (r"{\p1}m 0 0 l 100 0", ""),
        (r"{\pos(1,2)\pbo3}Hi", "Hi"),
        (r"{\i1}Hi{\i0} there{a comment}", "Hi there"),
        (r"one\Ntwo\hthree", "one\ntwo\xa0three"),
        ("a < b & c", "a < b & c"),
        ("an { open brace", "an { open brace"),
    ],
)
def test_an_event_is_plain_text(event, text):
    assert plain_text(event) == text


def test_braces_of_another_format_are_text():
    assert plain_text(r"{laughs} {\an8}Hi", OVERRIDE) == "{laughs} Hi"


def test_events_have_times_before_zero_too():
    script = (
        "Format: Layer, Start\nDialogue: 0,0:00:00.-50,1:02:03.04,Default,,0,0,0,,Hi, all\n"
        "Comment: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,no\nDialogue: broken"
    )

    assert list(read_ass(script, is_converted=False)) == [Cue(-0.5, 3723.04, "Hi, all")]


def test_cues_are_clipped_sorted_and_dropped_where_nothing_is_shown():
    cues = [
        *(Cue(5, 99, "late"), Cue(11, 12, "after the end"), Cue(-2, -1, "before"), Cue(-1, 1, "early")),
        *(Cue(2, 3, " \n\u200b\n"), Cue(2, 3, ""), Cue(4, 4, "no time"), Cue(6, 5, "backwards")),
        *(Cue(3, 4, "twice"), Cue(3, 4, "twice")),
    ]

    assert clean(cues, 10) == [Cue(0, 1, "early"), Cue(3, 4, "twice"), Cue(5, 10, "late")]


def test_a_cue_has_no_blank_line_and_no_control_characters():
    assert clean([Cue(0, 1, "one\n\n \ntwo\x00\u202e three")], 2) == [Cue(0, 1, "one\ntwo three")]
