"""Reads text tracks that people upload: WebVTT and SubRip, as the programs that write them do it."""

import re
from collections.abc import Iterator
from html import unescape
from typing import NoReturn

from media_pipeline.engine.cue_cleaning import clean
from media_pipeline.engine.cues import Cue, as_vtt
from media_pipeline.engine.text_encodings import decoded

# A timing line of either format. Programs that write SubRip mix up comma and point, leave out leading zeros, and write
# more digits than thousandths have (1,249.0999).
INSTANT = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3})\d*(?:\.\d+)?)?"
TIMING = re.compile(rf"\s*{INSTANT}\s*-->\s*{INSTANT}(?:\s.*)?")
MOST_OF_SIXTY = 59
# Blocks of WebVTT that hold no cue.
NO_CUE = re.compile(r"(NOTE|STYLE|REGION)(?:[ \t].*)?")
# Tags of WebVTT: classes, voices, rubies, instants; those of SubRip are HTML's, and what comes from ASS.
VTT_TAG = re.compile(r"</?[^<>]*>")
SRT_TAG = re.compile(r"</?(?:b|i|u|s|font)(?:\s[^<>]*)?>|\{\\[^{}]*\}", re.IGNORECASE)
VOICE = re.compile(r"<v(?:\.[^\s<>]*)?[ \t]+([^<>]+)>")
LONGEST_QUOTE = 40


class UnreadableText(Exception):
    """The file is no text track, or is wrong at a line; the reason is for the person who sent it."""


def read_text_file(content: bytes, seconds: float, language: str, charset: str = "") -> str:
    """Return the text track `content`, WebVTT or SubRip, as clean WebVTT for a video of so many seconds.

    Styles, positions and tags are dropped; cues beyond the end are dropped or cut. Raises UnreadableText, which names
    the line, where a cue is wrong, and where no cue is left.
    """
    try:
        text = decoded(content, language, charset).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeError as error:
        raise UnreadableText("This is not a text file, or not in the encoding that it begins in.") from error
    lines = text.split("\n")
    cues = list(_vtt_cues(lines) if is_vtt(text) else _srt_cues(lines))
    if not cues:
        raise UnreadableText("There is no cue in this file.")
    kept = clean(cues, seconds)
    if not kept:
        raise UnreadableText("No cue shows text within the length of the video.")
    return as_vtt(kept)


def is_vtt(text: str) -> bool:
    """Return whether the text begins as WebVTT does (W3C WebVTT, section 4.1)."""
    return re.match(r"WEBVTT(?:[ \t\n]|\Z)", text) is not None


def _vtt_cues(lines: list[str]) -> Iterator[Cue]:
    number = _end_of_block(lines, 0)
    empty: tuple[float, float] | None = None
    while (number := _next_block(lines, number)) < len(lines):
        end = _end_of_block(lines, number)
        # The line before the timing is the cue's own name.
        timing = next((n for n in (number, number + 1) if n < end and "-->" in lines[n]), None)
        if timing is not None:
            times, text = _instants(lines[timing], timing), lines[timing + 1 : end]
            empty = None if text else times
            yield Cue(*times, _plain_vtt(text))
        elif empty is not None:
            # Programs write a blank line between a timing line and its text.
            yield Cue(*empty, _plain_vtt(lines[number:end]))
            empty = None
        elif not NO_CUE.fullmatch(lines[number]):
            _refuse(number, f"a timing line is missing at “{_quoted(lines[number])}”")
        number = end


def _plain_vtt(lines: list[str]) -> str:
    # Who speaks is part of the text for those who do not hear it.
    return unescape(VTT_TAG.sub("", VOICE.sub(r"\1: ", "\n".join(lines))))


def _srt_cues(lines: list[str]) -> Iterator[Cue]:
    """Yield a cue for each timing line: its text ends where the number of the next cue begins.

    Blank lines end no text: programs write them into it.
    """
    timings = [number for number, line in enumerate(lines) if "-->" in line]
    _refuse_other_formats(lines, timings[0] if timings else len(lines))
    for place, number in enumerate(timings):
        start, stop = _instants(lines[number], number)
        end = timings[place + 1] if place + 1 < len(timings) else len(lines)
        text = lines[number + 1 : end]
        if place + 1 < len(timings) and text and text[-1].strip().isdigit():
            text = text[:-1]
        yield Cue(start, stop, SRT_TAG.sub("", "\n".join(text)))


def _refuse_other_formats(lines: list[str], first_timing: int) -> None:
    """Refuse what has text before its first cue, besides the number of the cue."""
    for number, line in enumerate(lines[:first_timing]):
        if (written := line.strip("\ufeff \t\0")) and not written.isdigit():
            what = "this is neither WebVTT nor SubRip; a timing line was expected at"
            _refuse(number, f"{what} “{_quoted(written)}”")


def _instants(line: str, number: int) -> tuple[float, float]:
    found = TIMING.fullmatch(line)
    if found is None:
        _refuse(number, f"this timing line cannot be read: “{_quoted(line)}”")
    parts = found.groups()
    if any(int(part) > MOST_OF_SIXTY for part in (*parts[1:3], *parts[5:7])):
        _refuse(number, f"minutes and seconds end at 59: “{_quoted(line)}”")
    start, end = _seconds(parts[:4]), _seconds(parts[4:])
    if end < start:
        _refuse(number, f"the cue ends before it starts: “{_quoted(line)}”")
    return start, end


def _seconds(clock: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, thousandths = clock
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return whole + int((thousandths or "0").ljust(3, "0")) / 1000


def _next_block(lines: list[str], number: int) -> int:
    while number < len(lines) and not lines[number].strip():
        number += 1
    return number


def _end_of_block(lines: list[str], number: int) -> int:
    while number < len(lines) and lines[number].strip():
        number += 1
    return number


def _quoted(line: str) -> str:
    shown = "".join(c for c in line.strip() if c.isprintable())
    return shown if len(shown) <= LONGEST_QUOTE else f"{shown[:LONGEST_QUOTE]}…"


def _refuse(number: int, reason: str) -> NoReturn:
    raise UnreadableText(f"Line {number + 1}: {reason}.")
