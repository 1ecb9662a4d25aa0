"""The HLS master playlist, where the packager leaves something to say."""

import re
from collections.abc import Collection
from pathlib import Path

AUDIO = re.compile(r'#EXT-X-MEDIA:TYPE=AUDIO,URI="(?P<name>[^"]*)\.m3u8"')
CHOICE = re.compile(r",DEFAULT=(?:YES|NO)(?:,AUTOSELECT=(?:YES|NO))?")


def mark_default_audio(master: Path, default: str, never_chosen: Collection[str]) -> None:
    """Let the audio rendition of the name `default` be the one that plays, and no other.

    The packager marks the first of the default language, which is none where the language is not known. A rendition
    of `never_chosen` is played only by a user who chooses it.
    """
    lines = [_chosen(line, default, never_chosen) for line in master.read_text().splitlines()]
    master.write_text("\n".join(lines) + "\n")


def _chosen(line: str, default: str, never_chosen: Collection[str]) -> str:
    found = AUDIO.match(line)
    if found is None:
        return line
    if found["name"] == default:
        return CHOICE.sub(",DEFAULT=YES,AUTOSELECT=YES", line)
    if found["name"] in never_chosen:
        return CHOICE.sub(",DEFAULT=NO,AUTOSELECT=NO", line)
    return line.replace(",DEFAULT=YES", ",DEFAULT=NO")
