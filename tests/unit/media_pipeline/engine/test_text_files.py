"""Text tracks as people upload them."""

import pytest

from media_pipeline.engine.text_files import UnreadableText, read_text_file

SRT = "1\n00:00:01,000 --> 00:00:02,500\nHello\n\n2\n00:00:03,000 --> 00:00:04,000\nWorld\n"
VTT = "WEBVTT\n\n00:01.000 --> 00:02.500\nHello\n"


def cues_of(text: str | bytes, seconds: float = 60) -> list[str]:
    content = text.encode() if isinstance(text, str) else text
    head, *cues = read_text_file(content, seconds, "en").rstrip("\n").split("\n\n")
    assert head == "WEBVTT"
    return cues


def refusal_of(text: str, seconds: float = 60) -> str:
    with pytest.raises(UnreadableText) as refused:
        read_text_file(text.encode(), seconds, "en")
    return str(refused.value)


def test_subrip_becomes_webvtt():
    assert cues_of(SRT) == [
        "00:00:01.000 --> 00:00:02.500\nHello",
        "00:00:03.000 --> 00:00:04.000\nWorld",
    ]


def test_a_track_that_was_read_is_read_again_as_it_is():
    track = read_text_file(SRT.encode(), 60, "en")

    assert read_text_file(track.encode(), 60, "en") == track


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n"])
def test_lines_end_in_any_way(ending):
    assert len(cues_of(SRT.replace("\n", ending))) == 2


def test_parts_of_webvtt_that_are_no_cues_are_left_aside():
    text = (
        "WEBVTT - a title\nKind: captions\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n\n"
        "STYLE\n::cue { color: red }\n\nNOTE\nno cue --\n\nREGION\nid:fred\n\n\n"
        "its name\n00:00:01.000 --> 00:00:02.000 align:start position:10%\nHello\n"
    )

    assert cues_of(text) == ["00:00:01.000 --> 00:00:02.000\nHello"]


def test_tags_and_entities_of_webvtt_become_text_and_the_speaker_stays():
    text = (
        "WEBVTT\n\n00:01.000 --> 00:02.000\n<v.loud Esme Rose>a <i.x>b</i> &lt;c&gt; &amp; <00:00:01.500>d\n"
    )

    assert cues_of(text) == ["00:00:01.000 --> 00:00:02.000\nEsme Rose: a b &lt;c&gt; &amp; d"]


def test_tags_of_subrip_go_and_other_brackets_stay():
    text = '1\n00:00:01,000 --> 00:00:02,000 X1:1 X2:2\n{\\an8}<font color="#fff">a</font> <3 {b} <B>c</B>\n'

    assert cues_of(text) == ["00:00:01.000 --> 00:00:02.000\na &lt;3 {b} c"]


@pytest.mark.parametrize(
    "timing",
    [
        "0:0:1,0 --> 0:0:2,5",
        "00:00:01.000-->00:00:02.500",
        "  00:01,000  -->  00:02,500  ",
        "0:01 --> 0:02.5",
    ],
)
def test_timing_lines_as_programs_write_them(timing):
    assert cues_of(f"1\n{timing}\nHello\n") == ["00:00:01.000 --> 00:00:02.500\nHello"]


def test_more_digits_than_thousandths_have():
    text = "1\n00:00:01,249.0999999999999 --> 00:00:02.251790000\nHello\n"

    assert cues_of(text) == ["00:00:01.249 --> 00:00:02.251\nHello"]


def test_a_blank_line_before_the_text_of_a_cue():
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\n\nHello\nyou\n\n00:03.000 --> 00:04.000\n\nNOTE no, text\n"

    assert cues_of(text) == [
        "00:00:01.000 --> 00:00:02.000\nHello\nyou",
        "00:00:03.000 --> 00:00:04.000\nNOTE no, text",
    ]


def test_blank_lines_and_numbers_inside_the_text_of_subrip_are_kept():
    text = "7\n00:00:01,000 --> 00:00:02,000\nIn the year\n\n1984\n\n8\n00:00:03,000 --> 00:00:04,000\n2001\n"

    assert cues_of(text) == [
        "00:00:01.000 --> 00:00:02.000\nIn the year\n1984",
        "00:00:03.000 --> 00:00:04.000\n2001",
    ]


def test_subrip_without_blank_lines_or_numbers():
    text = "00:00:01,000 --> 00:00:02,000\nOne\n00:00:03,000 --> 00:00:04,000\nTwo"

    assert [cue.split("\n")[1] for cue in cues_of(text)] == ["One", "Two"]


def test_cues_are_sorted_and_clipped_to_the_video():
    text = SRT + "\n3\n00:00:00,500 --> 00:10:00,000\nFirst\n\n4\n00:09:00,000 --> 00:10:00,000\nAfter\n"

    assert [cue.split("\n")[0] for cue in cues_of(text, seconds=3.5)] == [
        "00:00:00.500 --> 00:00:03.500",
        "00:00:01.000 --> 00:00:02.500",
        "00:00:03.000 --> 00:00:03.500",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            VTT + "\n00:05.000 --> 00:04.000\nBack\n",
            "Line 6: the cue ends before it starts: “00:05.000 --> 00:04.000”.",
        ),
        (VTT + "\nJust text\n", "Line 6: a timing line is missing at “Just text”."),
        (
            VTT + "\n00:05.000 --> later\nx\n",
            "Line 6: this timing line cannot be read: “00:05.000 --> later”.",
        ),
        (
            VTT + "\n00:75.000 --> 02:00.000\nx\n",
            "Line 6: minutes and seconds end at 59: “00:75.000 --> 02:00.000”.",
        ),
        (SRT + "\n3\n00:00:05;000 --> 00:00:06,000\nx", "Line 10: this timing line cannot be read"),
        (SRT + "\n3\n00:00:05,000 --> \nx", "Line 10: this timing line cannot be read"),
        (
            "<html>\n<p>Hi</p>",
            "Line 1: this is neither WebVTT nor SubRip; a timing line was expected at “<html>”.",
        ),
        ("[Script Info]\nTitle: x", "Line 1: this is neither WebVTT nor SubRip"),
        ("{\\rtf1}", "Line 1: this is neither"),
        ("WEBVTTX\n\n00:01.000 --> 00:02.000\nHello", "Line 1: this is neither"),
        ("", "There is no cue in this file."),
        ("WEBVTT\n\nNOTE nothing\n", "There is no cue in this file."),
        ("1\n00:00:01,000 --> 00:00:02,000\n\u200b\n", "No cue shows text within the length of the video."),
        ("1\n01:00:01,000 --> 01:00:02,000\nlate\n", "No cue shows text within the length of the video."),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text, why):
    assert refusal_of(text).startswith(why)


def test_a_long_line_is_quoted_in_part():
    assert len(refusal_of("x" * 10_000)) < 150


def test_what_is_no_text_is_refused():
    with pytest.raises(UnreadableText, match="not a text file"):
        read_text_file(b"\xff\xfeW", 60, "en")
