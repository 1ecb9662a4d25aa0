"""Tell from its first bytes what is surely no video, so that its owner hears it at once."""

from typing import Final

HEAD_BYTES: Final = 4096

# Formats that hold no video, by the bytes they begin with. What is not here is for the decoder to judge.
_NO_FILM: Final[tuple[tuple[bytes, str], ...]] = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG\r\n", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"BM", "a picture"),
    (b"PK\x03\x04", "an archive or office document"),
    (b"PK\x05\x06", "an archive or office document"),
    (b"\x1f\x8b", "an archive"),
    (b"BZh", "an archive"),
    (b"\xfd7zXZ\x00", "an archive"),
    (b"7z\xbc\xaf\x27\x1c", "an archive"),
    (b"Rar!", "an archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"SQLite format 3", "a database"),
    (b"ID3", "sound without picture"),
    (b"fLaC", "sound without picture"),
    (b"\xd0\xcf\x11\xe0", "an office document"),
)
_RIFF_NO_FILM: Final = {b"WAVE": "sound without picture", b"WEBP": "a picture"}
_PRINTABLE: Final = frozenset(range(0x20, 0x7F)) | {0x09, 0x0A, 0x0D, 0x1B} | set(range(0x80, 0x100))


def reason_against(head: bytes) -> str | None:
    """Return what the file with these first bytes surely is instead of a video, None where it may be one."""
    if not head:
        return "an empty file"
    for magic, what in _NO_FILM:
        if head.startswith(magic):
            return what
    if head.startswith(b"RIFF"):
        return _RIFF_NO_FILM.get(head[8:12])
    return "text" if _is_text(head) else None


def _is_text(head: bytes) -> bool:
    """Whether it reads as text: playlists, HTML, SVG, subtitles, source code."""
    if not _PRINTABLE.issuperset(head):
        return False
    try:
        # The last character may be cut in two.
        head.decode("utf-8", errors="strict" if len(head) < HEAD_BYTES else "ignore")
    except UnicodeDecodeError:
        return False
    return True
