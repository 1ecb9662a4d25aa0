"""Language tags as videos have them, and as players want them."""

import pytest

from media_pipeline.engine.languages import language_name, language_tag, track_title


@pytest.mark.parametrize(
    ("sent", "tag"),
    [
        *(("ger", "de"), ("deu", "de"), ("de", "de"), ("chi", "zh"), ("nob", "nb"), ("iw", "he")),
        *(("hsb", "hsb"), ("tlh", "tlh"), ("haw", "haw"), ("pt-br", "pt-BR"), ("zh-hant", "zh-Hant")),
        *(
            ("", "und"),
            ("und", "und"),
            ("english", "und"),
            ("eng\x00", "und"),
            ("ä", "und"),
            ("x-" * 90, "und"),
        ),
    ],
)
def test_a_code_of_any_standard_becomes_one_tag(sent, tag):
    assert language_tag(sent) == tag


def test_each_language_has_a_name_of_its_own():
    assert (language_name("de"), language_name("hsb")) == ("Deutsch", "Hornjoserbšćina")
    assert (language_name("qaa"), language_name("und")) == ("qaa", "Original")


def test_each_kind_of_text_has_a_title_of_its_own():
    assert [track_title("en", kind) for kind in ("subtitles", "captions", "forced")] == [
        *("English", "English (CC)", "English (forced)"),
    ]
