"""What is surely no video, by its first bytes."""

import pytest

from media_pipeline.uploads.sniff import HEAD_BYTES, reason_against


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"", "an empty file"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"PK\x03\x04\x14\x00", "an archive or office document"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "sound without picture"),
        (b"ID3\x04\x00", "sound without picture"),
        (b"#EXTM3U\n#EXTINF:4,\nfile:///etc/passwd\n", "text"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "text"),
        (b"ffconcat version 1.0\nfile other.mp4\n", "text"),
        (("Füße " * 2000).encode()[:HEAD_BYTES], "text"),
    ],
)
def test_it_is_named(head, reason):
    assert reason_against(head) == reason


@pytest.mark.parametrize(
    "head",
    [
        b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00",
        b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01",
        b"RIFF\x00\x00\x00\x00AVI LIST",
        b"GIF89a\x10\x00\x10\x00\xf7\x00\x00",
        b"FLV\x01\x05\x00\x00\x00\x09",
        b"OggS\x00\x02\x00\x00",
        b"\x47\x40\x11\x10\x00\x42\xf0",
        bytes(range(256)) * 16,
    ],
)
def test_what_may_be_a_film_is_left_to_the_decoder(head):
    assert reason_against(head) is None
