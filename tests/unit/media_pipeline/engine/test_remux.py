"""Sources whose clock jumps, and raw streams that have none."""

import subprocess
from array import array
from pathlib import Path

import pytest

from celery_ledger.errors import Permanent
from media_pipeline.engine.ffmpeg import ffmpeg_path
from media_pipeline.engine.plan import make_plan
from media_pipeline.engine.probe import probe
from media_pipeline.engine.remux import remux
from tests.unit.media_pipeline.engine.films import OPEN_GOP, SOUND, ffmpeg, picture
from tests.unit.media_pipeline.engine.reading import LIMITS, frames_of_pieces, frames_of_whole, make, steady

SECONDS, FLASH_AT = 3, 1.0
SAMPLE_RATE = 8000
MPEG2 = ("-c:v", "mpeg2video", "-bf", "2", "-g", "12", "-c:a", "mp2")
H264 = (*OPEN_GOP, *SOUND)
PARTS = {
    "again": ("ts", H264, (0, 0)),
    "three times": ("ts", H264, (0, 0, 0)),
    "a thousand seconds on": ("ts", H264, (0, 1000)),
    "a thousand seconds back": ("ts", H264, (2000, 1000)),
    "twelve seconds on": ("ts", H264, (0, 12 + SECONDS)),
    "one second back": ("ts", H264, (0, SECONDS - 1)),
    "from before the end of the clock": ("ts", H264, (95_400, 0)),
    "MPEG-2": ("ts", MPEG2, (0, 500)),
    "DVD": ("vob", MPEG2, (0, 0)),
    "sound that NUT does not hold": ("ts", (*OPEN_GOP, "-c:a", "truehd", "-strict", "experimental"), (0, 0)),
    "Blu-ray": ("m2ts", (*OPEN_GOP, "-c:a", "ac3", "-mpegts_m2ts_mode", "1"), (600, 11)),
}


def _part(path: Path, offset: float, codecs: tuple[str, ...], seconds: float = SECONDS) -> bytes:
    """Make a flash and a beep at one instant, the second a second after the first."""
    now = f"between(t,{FLASH_AT},{FLASH_AT + 0.2})"
    black = ("-f", "lavfi", "-i", f"color=black:s=64x64:r=25:d={seconds}")
    beep = ("-f", "lavfi", "-i", f"aevalsrc='if({now},0.8*sin(2*PI*440*t),0)':s=48000:d={seconds}")
    flash = ("-vf", f"drawbox=c=white:t=fill:enable='{now}'")
    ffmpeg(*black, *beep, *flash, *codecs, "-output_ts_offset", offset, path)
    return path.read_bytes()


def _flashes(mp4: Path) -> list[float]:
    """Return when the picture turns white."""
    command = [
        ffmpeg_path(),
        "-v",
        "fatal",
        "-i",
        str(mp4),
        "-vf",
        "scale=1:1,format=gray",
        "-f",
        "rawvideo",
        "-",
    ]
    luma = subprocess.run(command, check=True, capture_output=True).stdout
    return [number / 25 for number in range(1, len(luma)) if luma[number - 1] < 100 <= luma[number]]


def _beeps(mp4: Path) -> list[float]:
    """Return when the sound sets in after at least half a second of silence."""
    raw = ("-ac", "1", "-ar", str(SAMPLE_RATE), "-f", "s16le", "-")
    command = [ffmpeg_path(), "-v", "fatal", "-i", str(mp4), "-vn", *raw]
    samples = array("h", subprocess.run(command, check=True, capture_output=True).stdout)
    found, last = [], -SAMPLE_RATE
    for number, sample in enumerate(samples):
        if abs(sample) > 4000:
            if number - last > SAMPLE_RATE / 2:
                found.append(number / SAMPLE_RATE)
            last = number
    return found


@pytest.mark.parametrize("jump", PARTS)
def test_parts_with_clocks_of_their_own_are_joined_end_to_end_in_sync(tmp_path, jump):
    suffix, codecs, offsets = PARTS[jump]
    parts = [_part(tmp_path / f"part_{offset}.{suffix}", offset, codecs) for offset in offsets]
    source = tmp_path / "source"
    source.write_bytes(b"".join(parts))

    made = make(source, tmp_path)

    mp4 = made.package / next(iter(made.packaged.mp4.values()))
    expected = [FLASH_AT + SECONDS * number for number in range(len(parts))]
    assert made.film.warnings == ("The times in this file jump. Its parts were joined end to end.",)
    assert made.plan.duration_seconds == pytest.approx(SECONDS * len(parts), abs=0.1 * len(parts))
    assert _flashes(mp4) == pytest.approx(expected, abs=0.15 * len(parts))
    assert _beeps(mp4) == pytest.approx(_flashes(mp4), abs=0.06)


def test_every_picture_of_a_joined_source_is_there(tmp_path):
    ffmpeg(*picture(3), *OPEN_GOP, tmp_path / "part.ts")
    (tmp_path / "source").write_bytes((tmp_path / "part.ts").read_bytes() * 2)
    source, film = steady(tmp_path / "source", tmp_path)
    plan = make_plan(film, chunk_seconds=0)

    pieces = frames_of_pieces(source, film, plan, tmp_path)

    hashes = [line.split()[1] for line in pieces]
    assert pieces == frames_of_whole(source, film, plan)
    assert hashes[:90] == hashes[90:180]
    assert len(set(hashes)) == 90


def test_a_clock_that_wraps_around_does_not_jump(tmp_path):
    """MPEG-TS counts 33 bits of 90 kHz, and begins at 0 again after 26.5 hours."""
    source = tmp_path / "source.ts"
    _part(source, 95_441, H264)

    made = make(source, tmp_path)

    mp4 = made.package / next(iter(made.packaged.mp4.values()))
    assert not made.film.is_remuxed
    assert made.plan.duration_seconds == pytest.approx(SECONDS, abs=0.1)
    assert _flashes(mp4) == pytest.approx([FLASH_AT], abs=0.1)
    assert _beeps(mp4) == pytest.approx(_flashes(mp4), abs=0.06)


def test_a_late_first_key_frame_keeps_its_sync(tmp_path):
    """A recording that begins in the middle of a GOP: its first second has sound, but no picture."""
    whole = tmp_path / "whole.ts"
    _part(whole, 0, (*OPEN_GOP, "-g", "50", *SOUND), seconds=6)
    source = tmp_path / "source.ts"
    ffmpeg("-i", whole, "-c", "copy", "-copyinkf", "-bsf:v", "noise=drop='lt(n,25)'", source)

    made = make(source, tmp_path)

    mp4 = made.package / next(iter(made.packaged.mp4.values()))
    assert _beeps(mp4) == pytest.approx([FLASH_AT], abs=0.1)
    assert made.plan.duration_seconds == pytest.approx(6, abs=0.2)


def test_a_part_without_sound_keeps_the_others_in_sync(tmp_path):
    parts = [_part(tmp_path / f"part_{offset}.ts", offset, H264) for offset in (0, 20)]
    ffmpeg("-i", tmp_path / "part_0.ts", "-c", "copy", "-an", "-output_ts_offset", 300, tmp_path / "mute.ts")
    source = tmp_path / "source"
    source.write_bytes(parts[0] + (tmp_path / "mute.ts").read_bytes() + parts[1])

    made = make(source, tmp_path)

    mp4 = made.package / next(iter(made.packaged.mp4.values()))
    flashes = _flashes(mp4)
    assert flashes == pytest.approx([FLASH_AT + SECONDS * number for number in range(3)], abs=0.3)
    assert _beeps(mp4) == pytest.approx([flashes[0], flashes[2]], abs=0.06)


def test_sound_that_steps_back_at_an_advertisement_does_not_move_the_picture(tmp_path):
    """As broadcasters cut in advertisements: the sound's times go back by a sixth of a second, the picture's do not."""
    source = tmp_path / "source.ts"
    _part(tmp_path / "part.ts", 0, H264, seconds=6)
    back = "setts=pts='PTS-if(gte(PTS*TB,4),0.17/TB,0)':dts='DTS-if(gte(DTS*TB,4),0.17/TB,0)'"
    ffmpeg(
        "-copyts",
        "-i",
        tmp_path / "part.ts",
        "-c",
        "copy",
        "-bsf:a",
        back,
        "-max_interleave_delta",
        0,
        source,
    )

    film = probe(source, LIMITS)

    assert float(film.video_end_seconds - film.video_start_seconds) == pytest.approx(6, abs=0.1)


def test_a_gap_in_the_picture_alone_is_no_jump_of_the_clock(tmp_path):
    """Twelve seconds without picture, while the sound goes on."""
    source = tmp_path / "source.ts"
    keep = ("-vf", "select='lt(t,1)+gt(t,14)'", "-fps_mode", "passthrough")
    sound = ("-f", "lavfi", "-i", "sine=d=16")
    ffmpeg(*picture(16, "25", "64x64"), *sound, *keep, *OPEN_GOP, *SOUND, source)

    film = probe(source, LIMITS)

    assert float(film.video_end_seconds - film.video_start_seconds) == pytest.approx(16, abs=0.1)


RAW = {
    "h264": (*OPEN_GOP, "-f", "h264"),
    "interlaced.h264": (
        "-c:v",
        "libx264",
        "-bf",
        "3",
        "-g",
        "20",
        "-x264-params",
        "interlaced=1",
        "-f",
        "h264",
    ),
    "hevc": ("-c:v", "libx265", "-x265-params", "bframes=4:log-level=none:pools=none", "-f", "hevc"),
    "m2v": ("-c:v", "mpeg2video", "-bf", "2", "-f", "mpeg2video"),
    "m4v": ("-c:v", "mpeg4", "-bf", "2", "-f", "m4v"),
    "obu": ("-c:v", "libsvtav1", "-preset", "12", "-f", "obu"),
    "vvc": ("-pix_fmt", "yuv420p10le", "-c:v", "libvvenc", "-preset", "faster", "-f", "vvc"),
    "dv": ("-s", "720x576", "-r", "25", "-c:v", "dvvideo", "-f", "dv"),
    "y4m": ("-f", "yuv4mpegpipe"),
}


@pytest.mark.parametrize("name", RAW)
def test_a_raw_stream_is_taken_at_the_rate_in_its_header(tmp_path, name):
    ffmpeg(*picture(2, "25", "320x180"), *RAW[name], tmp_path / "source")
    source, film = steady(tmp_path / "source", tmp_path)
    plan = make_plan(film, chunk_seconds=0)

    pieces = frames_of_pieces(source, film, plan, tmp_path)

    assert (film.rate, film.warnings, film.truncated) == (25, (), False)
    assert len({line.split()[1] for line in pieces}) == len(pieces) == 50
    # Of raw MPEG-2, ffmpeg and PyAV begin to count one picture apart.
    assert name == "m2v" or pieces == frames_of_whole(source, film, plan)


@pytest.mark.parametrize("name", ["h264", "hevc"])
def test_a_broken_raw_stream_is_refused_at_once(tmp_path, name):
    ffmpeg(*picture(1), *RAW[name], tmp_path / "whole")
    (tmp_path / "source").write_bytes((tmp_path / "whole").read_bytes()[:40])

    with pytest.raises(Permanent, match=r"^this is not a video$|broken|no picture"):
        steady(tmp_path / "source", tmp_path)


def test_remuxing_again_changes_nothing(tmp_path):
    ffmpeg(*picture(1), *RAW["h264"], tmp_path / "source")
    remux(tmp_path / "source", tmp_path / "remuxed", LIMITS.max_pixels)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "remuxed").iterdir()}

    remux(tmp_path / "source", tmp_path / "remuxed", LIMITS.max_pixels)

    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "remuxed").iterdir()} == before
