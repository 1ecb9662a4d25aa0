"""Text tracks come and go by new playlists beside segments that stay where they are."""

import re
from pathlib import Path

import pytest

from media_pipeline.engine.packager import DASH, HLS, Audio, Streams, Text, Video, run_packager
from media_pipeline.engine.plan import make_plan
from media_pipeline.engine.text_package import package_text, read_named, renamed, write_named
from tests.unit.media_pipeline.builders import a_film, a_film_file
from tests.unit.media_pipeline.engine.reading import nothing

VTT = "WEBVTT\n\n00:00:00.500 --> 00:00:01.500\n{}\n"
REFERENCE = re.compile(r'(?:URI|initialization|media)="([^"]+)"')
PLAN = make_plan(a_film(seconds=6))


def a_package(folder: Path, *texts: str, sound: bool = True) -> Path:
    """The folder `film` of a video, with its streams."""
    film = folder / "film"
    film.mkdir()
    a_film_file(film / "64.mp4", seconds=6, sound=sound)
    for name in texts:
        (film / f"{name}.vtt").write_text(VTT.format(name))
    described = [
        Text(f"{name}.vtt", name.partition(".")[0], name.partition(".")[2] or "subtitles") for name in texts
    ]
    audio = [Audio("audio", "64.mp4", "en", "English")] if sound else []
    streams = Streams([Video("64", "64.mp4")], audio, described, segment_seconds=2.0)
    run_packager(film, streams, beside=film, on_progress=nothing)
    return film


def named_in(folder: Path):
    return read_named(folder / HLS, folder / DASH, folder.name)


def changed(present: Path, into: str, *, removed=(), **added: str) -> Path:
    """The folder `into` with what names the streams after the change."""
    tracks = []
    for name, text in added.items():
        track = present.parent / f"text-{name}-{text}"
        package_text(name.replace("_", "."), VTT.format(text), PLAN, track)
        tracks.append(named_in(track))
    target = present.with_name(into)
    write_named(renamed(named_in(present), removed, tracks), target)
    return target


def tracks_of(folder: Path) -> list[str]:
    return re.findall(r'TYPE=SUBTITLES,URI="([^"]+)"', (folder / HLS).read_text())


def references(file: Path) -> set[Path]:
    text = file.read_text()
    plain = {line for line in text.splitlines() if line and not line.startswith(("#", " ", "<"))}
    return {
        file.parent / each.replace("$Number%05d$", "00001") for each in plain | set(REFERENCE.findall(text))
    }


def assert_whole(folder: Path) -> None:
    """Every reference leads to a file, those inside the playlists as well."""
    named = references(folder / HLS) | references(folder / DASH)
    assert len(named) > 4
    for path in named:
        assert path.resolve().is_file(), path
        if path.suffix == ".m3u8":
            assert all(each.resolve().is_file() for each in references(path))


def test_a_track_is_added(tmp_path):
    film = a_package(tmp_path, "en")

    streams = changed(film, "streams", fr_captions="neuf")

    assert tracks_of(streams) == ["../film/text_en.m3u8", "../text-fr_captions-neuf/text_fr_captions.m3u8"]
    master, manifest = (streams / HLS).read_text(), (streams / DASH).read_text()
    assert 'NAME="Français (CC)"' in master
    assert manifest.count('contentType="text"') == 2
    assert 'lang="fr"' in manifest
    ids = re.findall(r'<Representation id="(\d+)"', manifest)
    assert len(ids) == len(set(ids)) == 4
    assert_whole(streams)


def test_a_track_is_replaced_and_stays_the_default(tmp_path):
    film = a_package(tmp_path, "en", "en.forced")

    streams = changed(film, "streams", en="new")

    assert tracks_of(streams) == ["../text-en-new/text_en.m3u8", "../film/text_en_forced.m3u8"]
    (line,) = [line for line in (streams / HLS).read_text().splitlines() if "text-en-new" in line]
    assert "DEFAULT=YES" in line
    assert (streams / DASH).read_text().count('contentType="text"') == 2
    assert_whole(streams)


def test_changes_follow_upon_each_other(tmp_path):
    film = a_package(tmp_path, "en")
    first = changed(film, "first", fr="a", pt="b")

    second = changed(first, "second", removed=["en"], fr="c")
    third = changed(second, "third", removed=["fr", "pt"])

    assert tracks_of(second) == ["../text-fr-c/text_fr.m3u8", "../text-pt-b/text_pt.m3u8"]
    assert_whole(second)
    assert tracks_of(third) == []
    assert "SUBTITLES" not in (third / HLS).read_text()
    assert 'contentType="text"' not in (third / DASH).read_text()
    assert_whole(third)


@pytest.mark.parametrize("sound", [True, False])
def test_the_first_text_of_a_video(tmp_path, sound):
    film = a_package(tmp_path, sound=sound)

    streams = changed(film, "streams", en="first")

    (variant,) = [
        line
        for line in (streams / HLS).read_text().splitlines()
        if "STREAM-INF:BAND" in line and "URI" not in line
    ]
    assert 'SUBTITLES="subtitles"' in variant
    assert tracks_of(streams) == ["../text-en-first/text_en.m3u8"]
    assert_whole(streams)


def test_nothing_but_the_reference_changes_for_picture_and_sound(tmp_path):
    film = a_package(tmp_path, "en")

    streams = changed(film, "streams", removed=["en"])

    before, after = ((folder / HLS).read_text() for folder in (film, streams))
    moved = before.replace('URI="', 'URI="../film/').replace("\n64.m3u8", "\n../film/64.m3u8")
    without = [
        line for line in moved.replace(',SUBTITLES="subtitles"', "").splitlines() if "SUBTITLES" not in line
    ]
    assert after.splitlines() == without


def test_what_is_there_is_not_written_again(tmp_path):
    film = a_package(tmp_path, "en")
    streams = changed(film, "streams", fr="a")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    changed(film, "streams", fr="a")

    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert streams.is_dir()
