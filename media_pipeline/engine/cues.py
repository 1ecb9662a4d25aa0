"""Lines and cues for WebVTT (W3C WebVTT; reading speed and line length as subtitle guides have them)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

LINE_CHARACTERS = 42
LINES = 2
SHORTEST_SECONDS, LONGEST_SECONDS = 1.0, 6.0
BETWEEN_SECONDS = 0.08
PAUSE_SECONDS = 0.5
ENDINGS = (".", "?", "!")


@dataclass(frozen=True, slots=True)
class Word:
    """A spoken word with its time in seconds from the video's zero."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown at once: one or two lines."""

    start: float
    end: float
    text: str


def make_cues(words: Sequence[Word]) -> list[Cue]:
    """Return cues of at most two lines of 42 characters and 1 to 6 s, split at sentence ends and pauses."""
    groups = list(_groups(words))
    cues = [Cue(group[0].start, group[-1].end, "\n".join(_lines(group))) for group in groups if group]
    return list(_timed(cues))


def as_vtt(cues: Sequence[Cue]) -> str:
    """Return the text of a WebVTT file; `&`, `<` and `>` are escaped, so no cue can look like a timing line."""
    blocks = [f"{clock(cue.start)} --> {clock(cue.end)}\n{escape(cue.text, quote=False)}\n" for cue in cues]
    return "WEBVTT\n\n" + "\n".join(blocks)


def clock(seconds: float) -> str:
    """Return `seconds` as hours:minutes:seconds.thousandths."""
    whole, thousandths = divmod(round(max(0.0, seconds) * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{thousandths:03}"


def _groups(words: Sequence[Word]) -> Iterator[list[Word]]:
    group: list[Word] = []
    for word in words:
        if group and (_must_break(group, word) or _may_break(group, word)):
            yield group
            group = []
        group.append(word)
    yield group


def _must_break(group: list[Word], word: Word) -> bool:
    return len(_lines([*group, word])) > LINES or word.end - group[0].start > LONGEST_SECONDS


def _may_break(group: list[Word], word: Word) -> bool:
    return group[-1].text.endswith(ENDINGS) or word.start - group[-1].end > PAUSE_SECONDS


def _lines(group: list[Word]) -> list[str]:
    lines = [""]
    for word in group:
        text = word.text.strip()
        if lines[-1] and len(lines[-1]) + 1 + len(text) > LINE_CHARACTERS:
            lines.append(text)
        else:
            lines[-1] = f"{lines[-1]} {text}".strip()
    return lines


def _timed(cues: list[Cue]) -> Iterator[Cue]:
    """Stretch short cues to a second where there is room, and keep them apart."""
    for cue, following in pairwise([*cues, None]):
        if cue is None:
            return
        latest = following.start - BETWEEN_SECONDS if following else float("inf")
        end = min(max(cue.end, cue.start + SHORTEST_SECONDS), latest)
        yield Cue(cue.start, max(end, cue.start + 0.001), cue.text)
