"""What the owner of a damaged or cut-off source is told."""

import random

import pytest

from media_pipeline.engine.damage import found_damaged
from media_pipeline.engine.film import Film
from media_pipeline.engine.probe import probe
from tests.unit.media_pipeline.engine.films import FILMS, OPEN_GOP, SOUND, X264, ffmpeg, picture, tone
from tests.unit.media_pipeline.engine.reading import LIMITS, make, packets

CUT_OFF = {"cut_short.mp4", "cut_short.mkv"}


@pytest.mark.parametrize("name", sorted(CUT_OFF))
def test_a_cut_off_source_has_the_length_stated_and_the_length_found(film_path, name):
    film = probe(film_path(name), LIMITS)

    assert film.truncated
    assert film.warnings == ("The source is cut off: it states a length of 0:00:06 and holds 0:00:03.",)
    assert Film.from_json(film.as_json()) == film


@pytest.mark.parametrize("name", sorted(FILMS.keys() - CUT_OFF))
def test_a_whole_source_has_no_warning(film_path, name):
    film = probe(film_path(name), LIMITS)

    assert film.warnings == ()
    assert not film.truncated


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_text_and_sound_that_go_on_for_longer_cut_nothing_off(tmp_path, suffix):
    text = tmp_path / "text.srt"
    text.write_text("1\n00:00:01,000 --> 00:00:20,000\nStill here\n")
    source = tmp_path / f"source.{suffix}"
    codec = ("-c:s", "mov_text") if suffix == "mp4" else ()
    maps = ("-map", "0", "-map", "1", "-map", "2")
    ffmpeg(*picture(3), *tone(6), "-i", text, *maps, *OPEN_GOP, *SOUND, *codec, source)

    assert probe(source, LIMITS).warnings == ()


@pytest.mark.parametrize("damage", [bytes, random.Random(5).randbytes])
def test_a_damaged_key_frame_is_named_by_its_place(tmp_path, damage):
    source = tmp_path / "source.webm"
    ffmpeg(*picture(12, "10"), "-c:v", "libvpx-vp9", "-deadline", "realtime", "-g", "30", source)
    content = bytearray(source.read_bytes())
    keys = [packet for packet in packets(source) if "K" in packet["flags"]]
    # The first bytes there may be the header of the frame's block.
    at, size = int(keys[2]["pos"]) + 10, int(keys[2]["size"]) - 10
    content[at : at + size] = damage(size)
    source.write_bytes(content)

    film = probe(source, LIMITS)

    assert film.warnings == ("The source is damaged: pictures near 0:00:07, 0:00:08 could not be decoded.",)
    assert not film.truncated


def test_a_video_probed_by_the_last_release_has_no_warning(film_path):
    stored = probe(film_path("short.mp4"), LIMITS).as_json()
    for field in ("warnings", "letterboxed", "has_alpha", "mirrored"):
        del stored[field]

    film = Film.from_json(stored)

    assert (film.warnings, film.letterboxed, film.has_alpha, film.mirrored) == ((), False, False, False)


def test_damage_that_only_the_encoder_sees_is_named_by_its_chunks(film_path, tmp_path):
    source = tmp_path / "source.mp4"
    ffmpeg(*picture(16, "20"), *X264, "-g", "40", source)
    content = bytearray(source.read_bytes())
    for number in (105, 185):
        packet = packets(source)[number]
        at, size = int(packet["pos"]), int(packet["size"])
        content[at : at + size] = b"\xff" * size
    source.write_bytes(content)

    made = make(source, tmp_path)

    chunks = [tmp_path / f"chunk_{chunk.number}" for chunk in made.plan.chunks]
    assert len(chunks) == 4
    assert found_damaged(made.plan, chunks) == (
        "The source is damaged: some pictures between 0:00:04 and 0:00:12 could not be decoded.",
    )


@pytest.mark.parametrize("name", ["open_gop.ts", "hevc.mp4", "interlaced.ts", "edited.mp4", "vp9.webm"])
def test_chunks_of_a_whole_source_are_not_damaged(film_path, tmp_path, name):
    made = make(film_path(name), tmp_path, 1)

    assert not found_damaged(made.plan, [tmp_path / f"chunk_{chunk.number}" for chunk in made.plan.chunks])
