"""Packages one text track by itself, and writes the playlists and manifests that name it beside what is there.

A video's streams are named by two files: an HLS master playlist and a DASH manifest. Text tracks come and go by new
ones in a folder of their own; segments stay where they are and are referred to by relative paths. So nothing that
a player has loaded changes.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

from media_pipeline.engine.atomic import building
from media_pipeline.engine.packager import DASH, HLS, Streams, Text, run_packager
from media_pipeline.engine.plan import Plan
from media_pipeline.engine.subtitles import Track

URI = re.compile(r'URI="([^"]*)"')
TEXT_LINE = "#EXT-X-MEDIA:TYPE=SUBTITLES,"
VARIANT = "#EXT-X-STREAM-INF:"
WITH_TEXT = ',SUBTITLES="subtitles"'
PLAYLIST_OF_TEXT = re.compile(r"text_(.+)\.m3u8")
NAME_BYTES = 8

# The manifest as the packager writes it, line by line: no reader of XML is needed for a file of our own.
ADAPTATION_SET = re.compile(r"\n *<AdaptationSet\b.*?</AdaptationSet>", re.DOTALL)
NUMBERED = re.compile(r'(<(?:AdaptationSet|Representation) id=)"(\d+)"')
REFERENCE = re.compile(r'\b(initialization|media)="([^"]*)"')
INITIALIZATION = re.compile(r'initialization="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Named:
    """The two files that name a video's streams, as text, and the folder that they are in."""

    folder: str
    hls: str
    dash: str

    @property
    def digest(self) -> str:
        """A name for a folder of these two."""
        return digest(self.hls, self.dash)


def digest(*parts: str) -> str:
    """Return a name that belongs to this content and no other."""
    return sha256("\0".join(parts).encode()).hexdigest()[: 2 * NAME_BYTES]


def package_text(name: str, content: str, plan: Plan, into: Path) -> Track:
    """Write the WebVTT `content` as the track `name` (en, en.forced), with segments and playlist, into `into`.

    Twice: returns the same track at once where `into` exists.
    """
    track = Track.of(into / f"{name}.vtt")
    if not into.exists():
        with building(into) as folder:
            (folder / track.path.name).write_text(content, encoding="utf-8")
            streams = Streams(
                videos=[],
                audio=(),
                texts=[Text(track.path.name, track.language, track.kind)],
                segment_seconds=float(plan.frames_per_segment / plan.rate),
            )
            run_packager(folder, streams, beside=into, on_progress=lambda _: None)
    return track


def read_named(hls: Path, dash: Path, folder: str) -> Named:
    """Return what the two files say. Their `folder` is not always where they are now: single files are lent."""
    return Named(folder, hls.read_text(encoding="utf-8"), dash.read_text(encoding="utf-8"))


def write_named(named: Named, into: Path) -> None:
    """Write the two files into the folder `into`. Twice: returns at once where it exists."""
    if into.exists():
        return
    with building(into) as folder:
        (folder / HLS).write_text(named.hls, encoding="utf-8")
        (folder / DASH).write_text(named.dash, encoding="utf-8")


def renamed(present: Named, removed: Iterable[str], added: Sequence[Named]) -> Named:
    """Return the files, for a folder beside that of `present`, without the tracks `removed` and with those of `added`.

    Tracks are named as their WebVTT files: en, en.forced. A track that is added replaces one of its name, and is what
    that was to players: the default, for instance.
    """
    gone = set(removed)
    return Named("", _renamed_hls(present, gone, added), _renamed_dash(present, gone, added))


def _renamed_hls(present: Named, gone: set[str], added: Sequence[Named]) -> str:
    lines = _moved_lines(present)
    new = {
        _track_of(line): line for each in added for line in _moved_lines(each) if line.startswith(TEXT_LINE)
    }
    kept: list[str] = []
    for line in lines:
        if not line.startswith(TEXT_LINE):
            kept.append(line)
        elif (name := _track_of(line)) in new:
            kept.append(new.pop(name).replace("DEFAULT=NO", _default(line)))
        elif name not in gone:
            kept.append(line)
    first_variant = next(number for number, line in enumerate(kept) if line.startswith(VARIANT))
    kept[first_variant:first_variant] = [*new.values(), ""] if new else []
    has_text = any(line.startswith(TEXT_LINE) for line in kept)
    return "\n".join(_with_text(line, has_text=has_text) for line in kept) + "\n"


def _moved_lines(named: Named) -> list[str]:
    return [
        URI.sub(lambda found: f'URI="{_moved(found[1], named.folder)}"', line)
        if line.startswith("#") or not line
        else _moved(line, named.folder)
        for line in named.hls.splitlines()
    ]


def _track_of(line: str) -> str:
    uri = URI.search(line)
    found = PLAYLIST_OF_TEXT.fullmatch(PurePosixPath(uri[1]).name) if uri else None
    return _name(found[1]) if found else ""


def _name(written: str) -> str:
    """Return the track's name as its WebVTT file has it: streams write en_forced."""
    return written.replace("_", ".")


def _default(line: str) -> str:
    return "DEFAULT=YES" if "DEFAULT=YES" in line else "DEFAULT=NO"


def _with_text(line: str, *, has_text: bool) -> str:
    if not line.startswith(VARIANT):
        return line
    without = line.replace(WITH_TEXT, "")
    if not has_text:
        return without
    audio = re.search(r',AUDIO="[^"]*"', without)
    place = audio.end() if audio else len(without)
    return without[:place] + WITH_TEXT + without[place:]


def _renamed_dash(present: Named, gone: set[str], added: Sequence[Named]) -> str:
    manifest = _moved_manifest(present)
    new = {
        _track_of_set(each): each
        for named in added
        for each in ADAPTATION_SET.findall(_moved_manifest(named))
    }
    replaced = gone | set(new)
    kept = ADAPTATION_SET.sub(lambda found: "" if _track_of_set(found[0]) in replaced else found[0], manifest)
    free = max((int(number) for _, number in NUMBERED.findall(kept)), default=0) + 1
    sets = [
        NUMBERED.sub(rf'\g<1>"{number}"', adaptation_set)
        for number, adaptation_set in enumerate(new.values(), free)
    ]
    head, end, tail = kept.rpartition("\n  </Period>")
    if not end:
        raise ValueError("a manifest without a period")
    return head + "".join(sets) + end + tail


def _moved_manifest(named: Named) -> str:
    return REFERENCE.sub(lambda found: f'{found[1]}="{_moved(found[2], named.folder)}"', named.dash)


def _track_of_set(adaptation_set: str) -> str:
    """Return the name of the text track, "" where it is none."""
    uri = INITIALIZATION.search(adaptation_set)
    if uri is None or 'contentType="text"' not in adaptation_set:
        return ""
    return _name(PurePosixPath(uri[1]).name.removeprefix("text_").removesuffix("_init.mp4"))


def _moved(uri: str, folder: str) -> str:
    """Return the reference for a folder beside `folder`."""
    return uri if uri.startswith("../") else f"../{folder}/{uri}"
