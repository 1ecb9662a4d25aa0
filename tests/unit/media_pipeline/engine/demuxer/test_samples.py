"""Videos whose pictures change their size, as recordings of calls do."""

import subprocess

import pytest

from media_pipeline.engine.cut import cut_pieces, piece_name
from media_pipeline.engine.encode import encode_chunk, rung_name
from media_pipeline.engine.ffmpeg import ffmpeg_path
from media_pipeline.engine.fragments import read_parts
from media_pipeline.engine.plan import make_plan
from media_pipeline.engine.probe import probe
from tests.unit.media_pipeline.engine.films import OPEN_GOP, ffmpeg, picture
from tests.unit.media_pipeline.engine.reading import LIMITS, nothing

RATE = 10
VP8 = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "2M", "-g", "20")
# Columns of one pixel: grey as soon as a picture has been made smaller than it was.
COLUMNS = "geq=lum='16+219*mod(X,2)':cb=128:cr=128"


def _in_turn(folder, suffix, *parts):
    """Join parts of `seconds` and `size` without encoding them again."""
    listing = folder / "parts.txt"
    paths = []
    for number, (seconds, size) in enumerate(parts):
        path = folder / f"part_{number}{suffix}"
        source = f"color=black:s={size}:r={RATE}:d={seconds},{COLUMNS}"
        codec = VP8 if suffix == ".webm" else (*OPEN_GOP, "-qp", "10", "-bsf:v", "dump_extra")
        ffmpeg("-f", "lavfi", "-i", source, *codec, path)
        paths.append(path)
    listing.write_text("".join(f"file '{path}'\n" for path in paths))
    joined = folder / f"source{suffix}"
    ffmpeg("-f", "concat", "-safe", "0", "-i", listing, "-c", "copy", joined)
    return joined


def _chunk(source, folder, chunk_seconds=60):
    film = probe(source, LIMITS)
    plan = make_plan(film, chunk_seconds)
    cut_pieces(source, film, plan, folder / "pieces")
    encode_chunk(folder / "pieces" / piece_name(0), plan, 0, folder / "chunk", nothing)
    return plan, folder / "chunk" / rung_name(plan.rungs[0])


def _luma(path, at, width, height):
    command = [ffmpeg_path(), "-v", "fatal", "-i", str(path), "-vf", f"select=eq(n\\,{at * RATE})"]
    command += ["-frames:v", "1", "-pix_fmt", "gray", "-f", "rawvideo", "-"]
    pixels = subprocess.run(command, check=True, capture_output=True).stdout
    return [pixels[start : start + width] for start in range(0, width * height, width)]


@pytest.mark.parametrize("suffix", [".webm", ".ts", ".mkv"])
def test_the_ladder_follows_the_largest_picture_that_lasts(tmp_path, suffix):
    source = _in_turn(tmp_path, suffix, (2, "320x180"), (2, "640x360"), (4, "1280x720"))

    film = probe(source, LIMITS)

    assert [rung.name for rung in make_plan(film).rungs] == ["720", "480", "360"]
    assert not film.letterboxed


def test_a_size_that_does_not_last_does_not_count(tmp_path):
    source = _in_turn(tmp_path, ".webm", (9, "320x180"), (0.3, "1280x720"), (10, "320x180"))

    assert [rung.name for rung in make_plan(probe(source, LIMITS)).rungs] == ["180"]


def test_the_larger_pictures_of_a_chunk_that_begins_with_smaller_ones_are_sharp(tmp_path):
    source = _in_turn(tmp_path, ".ts", (2, "320x180"), (6, "640x360"))

    plan, encoded = _chunk(source, tmp_path)

    assert (plan.rungs[0].width, plan.rungs[0].height) == (640, 360)
    row = _luma(encoded, 5, 640, 360)[180]
    assert max(row) - min(row) > 150


def test_pictures_of_another_shape_are_shown_whole_between_bars(tmp_path):
    """A phone that is turned during a call."""
    source = _in_turn(tmp_path, ".webm", (2, "180x320"), (6, "640x360"))

    plan, encoded = _chunk(source, tmp_path)

    upright, wide = (_luma(encoded, at, 640, 360)[180] for at in (1, 5))
    assert (plan.rungs[0].width, plan.rungs[0].height) == (640, 360)
    assert max(upright[:200]) < 30
    assert max(upright[-200:]) < 30
    assert max(upright[230:410]) > 90
    assert max(wide[:200]) > 90


def test_one_size_needs_no_bars(film_path):
    for name in ("anamorphic.mp4", "odd_size.mp4", "two_sizes.ts"):
        assert not probe(film_path(name), LIMITS).letterboxed


def test_an_interlaced_broadcast_whose_size_changes_becomes_a_video(tmp_path):
    fields = ("-vf", "interlace", "-c:v", "mpeg2video", "-flags", "+ilme+ildct", "-b:v", "2M", "-g", "12")
    parts = []
    for number, size in enumerate(("320x180", "640x360")):
        part = tmp_path / f"part_{number}.ts"
        ffmpeg(*picture(2, "50", size), *fields, "-output_ts_offset", 2 * number, part)
        parts.append(part.read_bytes())
    source = tmp_path / "source.ts"
    source.write_bytes(b"".join(parts))

    plan, encoded = _chunk(source, tmp_path)

    assert plan.deinterlace
    assert (plan.rungs[0].width, plan.rungs[0].height) == (640, 360)
    assert sum(read_parts(encoded).frames) == plan.frames
