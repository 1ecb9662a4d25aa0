"""Titles from names that clients give."""

import pytest

from media_pipeline.file_names import decoded, download_name, title_of, without_controls

JOINER = "\N{ZERO WIDTH JOINER}"


def test_a_name_is_utf_8_or_latin_1():
    assert decoded("Bär".encode()) == decoded("Bär".encode("latin-1")) == "Bär"
    assert decoded(b"\x81\x8d") == "\ufffd\ufffd"


def test_control_characters_and_changes_of_direction_are_removed():
    assert without_controls("a\x00b\x1b[31m\u202egpj\u2066\ufeff") == "ab[31mgpj"


@pytest.mark.parametrize(
    ("file_name", "title"),
    [("clip.tar.mp4", "clip.tar"), ("noending", "noending"), (JOINER, ""), ("  .mp4", ""), ("", "")],
)
def test_a_title_is_the_name_without_its_ending(file_name, title):
    assert title_of(file_name, 200) == title


def test_a_title_that_is_cut_does_not_end_in_a_joiner():
    assert title_of(f"👩{JOINER}👧.mp4", 2) == "👩"


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Summer holiday", "Summer holiday_720p.mp4"),
        ("Zürich 🏳️‍🌈", "Zürich 🏳️‍🌈_720p.mp4"),
        ('a/b\\c: <what?> *"|', "a_b_c_ _what__ ____720p.mp4"),
        ("../../etc/passwd", "_.._etc_passwd_720p.mp4"),
        (".hidden.", "hidden_720p.mp4"),
        ("line\r\nSet-Cookie: a=b", "lineSet-Cookie_ a=b_720p.mp4"),
        ("gpj.\u202eexe", "gpj.exe_720p.mp4"),
        ("", "video_720p.mp4"),
        (" . ", "video_720p.mp4"),
        ("é" * 200, "é" * 100 + "_720p.mp4"),
    ],
)
def test_a_download_is_named_for_the_video_on_any_system(title, name):
    assert download_name(title, "_720p.mp4") == name
