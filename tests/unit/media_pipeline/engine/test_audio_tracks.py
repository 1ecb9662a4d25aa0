"""Audio tracks as players show them."""

from fractions import Fraction

import pytest

from media_pipeline.engine.audio_tracks import (
    LONGEST_TITLE,
    AudioTrack,
    clean_title,
    make_audio_tracks,
    read_audio_tracks,
)
from media_pipeline.engine.film import Sound


def a_sound(language: str = "", title: str = "", kind="main") -> Sound:
    return Sound(1, "aac", language, Fraction(0), Fraction(1), title, kind)


@pytest.mark.parametrize(
    ("sounds", "titles"),
    [
        ([a_sound()], ["Original"]),
        ([a_sound("eng")], ["English"]),
        ([a_sound(), a_sound()], ["Track 1", "Track 2"]),
        ([a_sound("", "Microphone"), a_sound("", "Game")], ["Microphone", "Game"]),
        ([a_sound("eng"), a_sound("eng")], ["English 1", "English 2"]),
        ([a_sound("eng", "Stereo"), a_sound("deu", "Stereo")], ["English (Stereo)", "Deutsch (Stereo)"]),
        ([a_sound("eng", "English 5.1"), a_sound("fra", "Canadien")], ["English 5.1", "Français (Canadien)"]),
        (
            [a_sound("eng"), a_sound("eng", kind="commentary"), a_sound("eng", kind="description")],
            ["English", "English (commentary)", "English (audio description)"],
        ),
        ([a_sound("", kind="description"), a_sound("und")], ["Audio description", "Track"]),
        ([a_sound("", "A"), a_sound("", "A"), a_sound("", "A 1")], ["A 2", "A 3", "A 1"]),
    ],
)
def test_each_track_has_a_title_that_tells_it_from_the_others(sounds, titles):
    assert [track.title for track in make_audio_tracks(sounds)] == titles


def test_each_track_has_a_file_and_a_tag_and_the_default_keeps_its_name():
    tracks = make_audio_tracks([a_sound("ger"), a_sound("nonsense"), a_sound("pt-br", kind="dub")])

    assert [(track.file, track.language, track.kind) for track in tracks] == [
        ("audio.mp4", "de", "main"),
        ("audio_2.mp4", "und", "main"),
        ("audio_3.mp4", "pt-BR", "dub"),
    ]


@pytest.mark.parametrize(
    ("title", "cleaned"),
    [
        ("  Director's\tcut \r\n", "Director's cut"),
        ('The "real" one', "The 'real' one"),
        ("Director, writer", "Director; writer"),
        ("a\x00b\u202ec\u200bd", "a b c d"),
        ('x"\r\n#EXT-X-MEDIA:TYPE=AUDIO,URI="http://else', "x' #EXT-X-MEDIA:TYPE=AUDIO;URI='http://else"),
        ("\n\t ", ""),
    ],
)
def test_a_title_is_one_line_that_ends_no_attribute(title, cleaned):
    assert clean_title(title) == cleaned


def test_a_long_title_is_cut():
    assert clean_title("word " * 100).endswith("word…")
    assert len(clean_title("x" * 10_000)) == LONGEST_TITLE


@pytest.mark.parametrize(
    ("plan", "tracks"),
    [
        ({"has_audio": False, "language": ""}, ()),
        ({"has_audio": True, "language": "ger"}, (AudioTrack("audio", "de", "Deutsch"),)),
        ({"has_audio": True, "language": ""}, (AudioTrack("audio", "und", "Original"),)),
    ],
)
def test_a_plan_of_the_last_release_has_one_track_or_none(plan, tracks):
    assert read_audio_tracks(plan) == tracks
