"""Which of several picture streams becomes the video."""

import subprocess

import pytest

from celery_ledger.errors import Permanent
from media_pipeline.engine.ffmpeg import ffmpeg_path
from media_pipeline.engine.probe import probe
from tests.unit.media_pipeline.engine.films import OPEN_GOP, ffmpeg, picture
from tests.unit.media_pipeline.engine.reading import LIMITS, make

NO_FLAG, FLAG = "0", "default"


def _stream(folder, name, seconds, size="320x180"):
    path = folder / f"{name}.mp4"
    ffmpeg(*picture(seconds, "10", size), *OPEN_GOP, path)
    return path


def _still(folder, size="640x360"):
    path = folder / "still.mov"
    ffmpeg(*picture(0.1, "10", size), "-frames:v", "1", "-c:v", "mjpeg", path)
    return path


def _together(target, *streams):
    inputs = [part for path, _ in streams for part in ("-i", path)]
    maps = [part for number in range(len(streams)) for part in ("-map", f"{number}:v")]
    flags = [part for number, (_, flag) in enumerate(streams) for part in (f"-disposition:v:{number}", flag)]
    ffmpeg(*inputs, *maps, "-c", "copy", *flags, target)
    return target


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "mov"])
@pytest.mark.parametrize("flag_of_still", [NO_FLAG, FLAG])
def test_a_still_beside_the_video_is_not_the_video(tmp_path, suffix, flag_of_still):
    source = _together(
        tmp_path / f"source.{suffix}",
        (_still(tmp_path), flag_of_still),
        (_stream(tmp_path, "video", 1), FLAG),
    )

    made = make(source, tmp_path)

    assert (made.film.video_stream, made.film.video_codec, made.plan.frames) == (1, "h264", 10)


def test_the_default_stream_comes_before_a_larger_one(tmp_path):
    source = _together(
        tmp_path / "source.mkv",
        (_stream(tmp_path, "large", 1, "640x360"), NO_FLAG),
        (_stream(tmp_path, "small", 1), FLAG),
    )

    assert probe(source, LIMITS).video_stream == 1


@pytest.mark.parametrize("suffix", ["mkv", "wmv", "ts"])
def test_of_streams_with_equal_flags_the_largest_is_chosen(tmp_path, suffix):
    streams = [_stream(tmp_path, size, 1, size) for size in ("160x90", "640x360", "320x180")]
    inputs = [part for path in streams for part in ("-i", path)]
    maps = [part for number in range(3) for part in ("-map", str(number))]
    codec = ("-c:v", "wmv2", "-b:v", "500k") if suffix == "wmv" else ("-c", "copy", "-disposition:v", NO_FLAG)
    source = tmp_path / f"source.{suffix}"
    ffmpeg(*inputs, *maps, *codec, source)

    film = probe(source, LIMITS)

    assert (film.video_stream, film.width) == (1, 640)


def test_of_equal_sizes_the_longer_stream_is_chosen(tmp_path):
    source = _together(
        tmp_path / "source.mkv",
        (_stream(tmp_path, "short", 1), NO_FLAG),
        (_stream(tmp_path, "long", 1.5), NO_FLAG),
    )

    assert probe(source, LIMITS).video_stream == 1


def _unknown_first_codec(path):
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz9", 2).replace(b"zzz9", b"avc1", 1))


def _noise(path):
    whole = path.rename(path.with_name("whole.mp4"))
    ffmpeg("-i", whole, "-map", "0", "-c", "copy", "-bsf:v:0", "noise=amount=-1", path)


@pytest.mark.parametrize("break_first", [_unknown_first_codec, _noise])
def test_a_stream_that_cannot_be_decoded_gives_way_to_one_that_can(tmp_path, break_first):
    source = _together(
        tmp_path / "source.mp4",
        (_stream(tmp_path, "broken", 1, "640x360"), FLAG),
        (_stream(tmp_path, "whole", 1), FLAG),
    )
    break_first(source)

    film = probe(source, LIMITS)

    assert (film.video_stream, film.width) == (1, 320)


def test_a_stream_without_packets_gives_way(tmp_path):
    """The largest stream of this file would begin where the file is cut off."""
    source = tmp_path / "source.mkv"
    large, small = _stream(tmp_path, "large", 1, "640x360"), _stream(tmp_path, "small", 3)
    ffmpeg("-itsoffset", "2.5", "-i", large, "-i", small, "-map", "0", "-map", "1", "-c", "copy", source)
    source.write_bytes(source.read_bytes()[: small.stat().st_size // 2])

    film = probe(source, LIMITS)

    assert (film.video_stream, film.width) == (1, 320)


def test_where_no_stream_can_be_decoded_the_reason_is_that_of_the_best(tmp_path):
    source = _together(
        tmp_path / "source.mp4",
        (_stream(tmp_path, "one", 1), FLAG),
        (_stream(tmp_path, "two", 1), FLAG),
    )
    content = source.read_bytes()
    source.write_bytes(content.replace(b"avc1", b"zzz9").replace(b"avcC", b"zzzC"))

    with pytest.raises(Permanent, match="unsupported codec"):
        probe(source, LIMITS)


def test_ffmpeg_chooses_the_same(tmp_path):
    source = _together(
        tmp_path / "source.mkv",
        (_stream(tmp_path, "large", 1, "640x360"), NO_FLAG),
        (_stream(tmp_path, "small", 1), FLAG),
    )
    command = [ffmpeg_path(), "-v", "error", "-i", str(source), "-frames:v", "1", "-f", "rawvideo", "-"]

    size = len(subprocess.run(command, check=True, capture_output=True).stdout)

    film = probe(source, LIMITS)
    assert size == film.width * film.height * 3 // 2
