"""Names that clients give to files: any bytes on the wire, text for a title afterwards. Never part of a path."""

from pathlib import PurePath
from typing import Final

# Joiners are format characters, which str.isprintable() refuses: ZWJ holds an emoji together, ZWNJ words of Persian.
# The flags of England, Scotland and Wales are spelled in tags.
_JOINERS: Final = frozenset("\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}")
_TAGS: Final = range(0xE0020, 0xE0080)
# What Windows, or some other system, refuses in a name or reads as a path.
_REFUSED: Final = frozenset('<>:"/\\|?*')
_DOWNLOAD_BYTES: Final = 200


def decoded(name: bytes) -> str:
    """Return a name as text: UTF-8, or what browsers read as Latin-1, which has a character for nearly every byte."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("cp1252", errors="replace")


def without_controls(name: str) -> str:
    """Return `name` without control characters and the format characters that can turn the text around."""
    return "".join(c for c in name if c.isprintable() or c in _JOINERS or ord(c) in _TAGS)


def title_of(file_name: str, characters: int) -> str:
    """Return the file's name without its ending, for a video that was given no title; "" where nothing is visible."""
    title = without_controls(PurePath(file_name).stem)[:characters].rstrip("\N{ZERO WIDTH JOINER}")
    return title if any(c.isprintable() and not c.isspace() for c in title) else ""


def download_name(title: str, ending: str) -> str:
    """Return the name under which a browser stores a file of a video: its title and `ending`, "_720p.mp4".

    Any system takes it: no separator, no leading dot, at most 200 bytes before the ending.
    """
    allowed = "".join("_" if c in _REFUSED else c for c in without_controls(title))
    short = allowed.encode()[:_DOWNLOAD_BYTES].decode(errors="ignore")
    return (short.strip(" .\N{ZERO WIDTH JOINER}") or "video") + ending
