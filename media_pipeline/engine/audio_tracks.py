"""The audio tracks as players show them: each with a name, a language and a title of its own."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from media_pipeline.engine.film import AudioKind, Sound
from media_pipeline.engine.languages import UNKNOWN, language_name, language_tag

LONGEST_TITLE = 80
# The name of the default track.
DEFAULT_NAME = "audio"
KINDS: dict[AudioKind, str] = {
    "main": "",
    "dub": "dubbed",
    "commentary": "commentary",
    "description": "audio description",
    "enhanced-audio-intelligibility": "clear speech",
}
# A double quote would end the attribute of a playlist, and a comma the field of the packager's description.
REPLACED = str.maketrans({'"': "'", ",": ";"})


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """One track: `name` is that of its file and its playlist, `language` a BCP 47 tag, `title` unique in a video."""

    name: str
    language: str
    title: str
    kind: AudioKind = "main"

    @property
    def file(self) -> str:
        """The name of its MP4."""
        return f"{self.name}.mp4"


def make_audio_tracks(sounds: Sequence[Sound]) -> tuple[AudioTrack, ...]:
    """Return a track for each sound, in the same order; the first one is the default."""
    tags = [language_tag(sound.language) for sound in sounds]
    titles = _distinct(_title(sound, tag, len(sounds)) for sound, tag in zip(sounds, tags, strict=True))
    return tuple(
        AudioTrack(_name(number), tag, title, sound.kind)
        for number, (sound, tag, title) in enumerate(zip(sounds, tags, titles, strict=True), 1)
    )


def read_audio_tracks(plan: dict[str, Any]) -> tuple[AudioTrack, ...]:
    """Return the audio tracks of a stored plan; those stored before there could be several had one sound or none."""
    if "audio" in plan:
        return tuple(AudioTrack(**track) for track in plan["audio"])
    if not plan["has_audio"]:
        return ()
    tag = language_tag(plan["language"])
    return (AudioTrack(_name(1), tag, language_name(tag)),)


def clean_title(title: str) -> str:
    """Return one line of printable characters that may stand in any playlist, manifest and description."""
    line = " ".join("".join(c if c.isprintable() else " " for c in title).split()).translate(REPLACED)
    return line if len(line) <= LONGEST_TITLE else line[: LONGEST_TITLE - 1].rstrip() + "…"


def _name(number: int) -> str:
    return DEFAULT_NAME if number == 1 else f"{DEFAULT_NAME}_{number}"


def _title(sound: Sound, tag: str, count: int) -> str:
    """Return the language, and what tells the track from others of it; the track's own title if it says more."""
    own = clean_title(sound.title) or KINDS[sound.kind]
    if tag == UNKNOWN:
        return own[:1].upper() + own[1:] or (language_name(tag) if count == 1 else "Track")
    spoken = language_name(tag)
    if spoken.casefold() in own.casefold():
        return own
    return f"{spoken} ({own})" if own else spoken


def _distinct(titles: Iterable[str]) -> list[str]:
    """Number the titles that stand more than once: players tell tracks of one language apart by them."""
    wanted = list(titles)
    total = Counter(wanted)
    used = {title for title in wanted if total[title] == 1}
    numbered = []
    for title in wanted:
        number = 1
        while total[title] > 1 and f"{title} {number}" in used:
            number += 1
        numbered.append(f"{title} {number}" if total[title] > 1 else title)
        used.add(numbered[-1])
    return numbered
