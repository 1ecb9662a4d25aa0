"""Cleans cues, whoever made them: the source's text tracks, read through ASS, and Whisper."""

import re
from collections.abc import Iterable, Iterator

from media_pipeline.engine.cues import Cue

# ffmpeg turns every text track into ASS without loss of tags: the times and the text of its events.
# It writes an instant before zero with a sign on each part: 0:00:00.-50.
CLOCK = r"(-?\d+):(-?\d+):(-?\d+)\.(-?\d+)"
EVENT = re.compile(rf"Dialogue: \d+,{CLOCK},{CLOCK},(?:[^,]*,){{6}}(.*)")
OVERRIDE = re.compile(r"(\{\\[^{}]*\})")
OVERRIDE_OR_COMMENT = re.compile(r"(\{[^{}]*\})")
DRAWING = re.compile(r"\\p(\d+)")
SHORTEST_SECONDS = 0.001
# What takes no room on the screen: zero width spaces and joiners, the byte order mark, an embedded object.
INVISIBLE = str.maketrans("", "", "\u200b\u200c\u200d\u2060\ufeff\ufffc")


def clean(cues: Iterable[Cue], seconds: float) -> list[Cue]:
    """Return the cues in order of their start, clipped to the video's `seconds`, without blank lines.

    Cues without visible text, cues outside of the video and repetitions (layers of one text) are dropped.
    """
    clipped = (Cue(max(0.0, cue.start), min(seconds, cue.end), visible(cue.text)) for cue in cues)
    kept = {cue for cue in clipped if cue.text and cue.end - cue.start >= SHORTEST_SECONDS}
    return sorted(kept, key=lambda cue: (cue.start, cue.end, cue.text))


def visible(text: str) -> str:
    """Return the lines of `text` that show something: a blank line would end a cue."""
    printable = (
        "".join(c for c in line if c.isprintable() or c in "\u200c\u200d\xa0") for line in text.splitlines()
    )
    lines = (line.strip() for line in printable)
    return "\n".join(line for line in lines if line.translate(INVISIBLE))


def read_ass(script: str, *, is_converted: bool) -> Iterator[Cue]:
    """Yield the events of an ASS script as cues of plain text.

    In a script that was converted from another format, braces that hold no override tag are text.
    """
    block = OVERRIDE if is_converted else OVERRIDE_OR_COMMENT
    for line in script.splitlines():
        if event := EVENT.fullmatch(line):
            *times, text = event.groups()
            yield Cue(_seconds(times[:4]), _seconds(times[4:]), plain_text(text, block))


def plain_text(text: str, block: re.Pattern[str] = OVERRIDE_OR_COMMENT) -> str:
    r"""Return the text of an ASS event without override tags, comments and drawings (between {\p1} and {\p0})."""
    shown, is_drawing = [], False
    for part in block.split(text):
        if block.fullmatch(part):
            for scale in DRAWING.findall(part):
                is_drawing = int(scale) > 0
        elif not is_drawing:
            shown.append(part)
    return "".join(shown).replace(r"\N", "\n").replace(r"\n", "\n").replace(r"\h", "\xa0")


def _seconds(clock: list[str]) -> float:
    hours, minutes, seconds, hundredths = map(int, clock)
    return hours * 3600 + minutes * 60 + seconds + hundredths / 100
