"""Files say what encoding they are in, or are read as files of their language used to be."""

import pytest

from media_pipeline.engine.text_encodings import decoded


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_unicode_is_read_whatever_the_language(encoding):
    text = "WEBVTT\n\n字幕 é"

    assert decoded(text.encode(encoding), "ru") == text


@pytest.mark.parametrize(
    ("language", "encoding", "text"),
    [
        ("fr", "latin-1", "çé"),
        ("fr", "cp1252", "“café”, déjà"),
        ("und", "cp1252", "déjà"),
        ("cs", "cp1250", "Příliš žluťoučký"),
        ("ru", "cp1251", "Привет"),
        ("sr", "cp1251", "Здраво"),
        ("el", "cp1253", "Καλημέρα"),
        ("tr", "cp1254", "şğı"),
        ("he", "cp1255", "שלום"),
        ("ja", "cp932", "こんにちは"),
        ("zh", "gb18030", "你好字幕"),
        ("zh-TW", "cp950", "你好這是字幕測試"),
    ],
)
def test_older_files_are_read_by_their_language(language, encoding, text):
    assert decoded(text.encode(encoding), language) == text


def test_a_byte_that_the_code_page_lacks_is_no_error():
    assert decoded(b"caf\xe9 \x81", "fr") == "café \x81"


def test_the_sender_may_name_the_encoding():
    assert decoded("Příliš".encode("iso-8859-2"), "en", "ISO-8859-2") == "Příliš"


@pytest.mark.parametrize("charset", ["base64", "no such thing", "\0", "utf-8"])
def test_an_encoding_that_does_not_fit_is_not_used(charset):
    assert decoded("déjà".encode("cp1252"), "fr", charset) == "déjà"


def test_half_a_unit_of_utf_16_is_an_error():
    with pytest.raises(UnicodeError):
        decoded(b"\xff\xfeW", "en")
