"""Tiny files that ask for huge work are refused before it begins; long, still and fast videos are not."""

import struct
from contextlib import suppress
from fractions import Fraction
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from celery_ledger.errors import Permanent
from media_pipeline.engine.demux import _fate_of
from media_pipeline.engine.demuxer.scan import extend
from media_pipeline.engine.ffmpeg import FORMATS
from media_pipeline.engine.plan import Limits, make_plan
from media_pipeline.engine.probe import probe
from media_pipeline.engine.process import Ended
from tests.unit.media_pipeline.engine.films import X264, ffmpeg, picture
from tests.unit.media_pipeline.engine.reading import LIMITS


def box(name: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I", 8 + len(content)) + name + content


def found(content: bytes, name: bytes) -> bytes:
    """Return the box of that name with its header."""
    start = content.index(name) - 4
    return content[start : start + int.from_bytes(content[start : start + 4])]


def one_byte_frames(usual: bytes, count: int) -> bytes:
    """Return an MP4 that says to hold so many frames of one byte each; its index has 100 bytes."""
    version = bytes(4)
    table = box(
        b"stbl",
        found(usual, b"stsd"),
        box(b"stts", version, struct.pack(">III", 1, count, 100)),
        box(b"stsc", version, struct.pack(">IIII", 1, 1, count, 1)),
        box(b"stsz", version, struct.pack(">II", 1, count)),
        box(b"stco", version, struct.pack(">II", 1, len(found(usual, b"ftyp")) + 8)),
    )
    information = box(b"minf", found(usual, b"vmhd"), found(usual, b"dinf"), table)
    times = box(b"mdhd", version, struct.pack(">IIIIHH", 0, 0, 100_000, count * 100, 0x55C4, 0))
    track = box(b"trak", found(usual, b"tkhd"), box(b"mdia", times, found(usual, b"hdlr"), information))
    return found(usual, b"ftyp") + box(b"mdat", b"\1" * count) + box(b"moov", found(usual, b"mvhd"), track)


def patched(content: bytes, name: bytes, offset: int, value: bytes) -> bytes:
    start = content.index(name) + offset
    return content[:start] + value + content[start + len(value) :]


def far_apart(path, seconds):
    """Write two JPEGs so many seconds apart."""
    times = ("-vf", f"setpts=N*{seconds}/TB", "-fps_mode", "passthrough", "-enc_time_base", "1/1000")
    ffmpeg(*picture(2, "1", "64x64"), *times, "-c:v", "mjpeg", path)


def test_frames_of_one_byte_are_refused(film_path, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(one_byte_frames(film_path("open_gop.mp4").read_bytes(), 110_000))

    with pytest.raises(Permanent, match="more frames than a video may have"):
        probe(source, LIMITS)


def test_more_packets_or_frames_than_allowed_are_refused(film_path):
    with pytest.raises(Permanent, match="more packets than a video may have"):
        probe(film_path("open_gop.mp4"), Limits(max_packets=300))
    with pytest.raises(Permanent, match="more frames than a video may have"):
        probe(film_path("open_gop.mp4"), Limits(max_frames=100))


def test_pictures_a_century_apart_are_too_long(tmp_path):
    far_apart(tmp_path / "source.mkv", 100 * 365 * 86_400)

    with pytest.raises(Permanent, match="the video is too long"):
        probe(tmp_path / "source.mkv", LIMITS)


def test_a_frame_every_68_years_is_too_long(tmp_path):
    source = tmp_path / "source.avi"
    ffmpeg(*picture(1, "10", "64x64"), "-c:v", "mjpeg", source)
    rate = struct.pack("<II", 2**31 - 1, 1)
    source.write_bytes(patched(source.read_bytes(), b"strh", 28, rate))

    with pytest.raises(Permanent, match="the video is too long"):
        probe(source, LIMITS)


@pytest.mark.parametrize(
    ("name", "offset", "value"),
    [
        (b"stts", 12, b"\xff\xff\xff\xff"),  # 2^32 samples
        (b"stsz", 12, b"\xff\xff\xff\xf0"),  # as many sizes
        (b"stts", 16, b"\x7f\xff\xff\xff"),  # hours between them
        (b"stts", 16, b"\xff\xff\xff\x00"),  # backwards
        (b"stsc", 16, b"\x7f\xff\xff\xff"),  # all of them in each chunk
        (b"mdhd", 16, b"\0\0\0\0"),  # no time scale
        (b"mdhd", 16, b"\x7f\xff\xff\xff"),  # 2^31 ticks a second
    ],
)
def test_an_absurd_index_ends_in_a_plan_of_little_work_or_a_reason(film_path, tmp_path, name, offset, value):
    source = tmp_path / "source.mp4"
    source.write_bytes(patched(film_path("one_frame.mp4").read_bytes(), name, offset, value))

    with capture_logs() as logs, suppress(Permanent):
        assert len(make_plan(probe(source, LIMITS)).chunks) <= 30

    assert [line for line in logs if line["event"] == "video_failure_unforeseen"] == []


@pytest.mark.parametrize("duration", [float("nan"), float("inf"), -5e9])
def test_a_header_s_duration_is_not_believed(film_path, tmp_path, duration):
    source = tmp_path / "source.mkv"
    content = film_path("open_gop.mkv").read_bytes()
    source.write_bytes(patched(content, b"\x44\x89\x88", 3, struct.pack(">d", duration)))

    assert probe(source, LIMITS).frames == 180


def test_a_still_animation_of_huge_pictures_is_refused(tmp_path):
    source = tmp_path / "source.gif"
    ffmpeg("-f", "lavfi", "-i", "color=s=1280x720:r=10:d=3", source)

    with pytest.raises(Permanent, match="far more pictures than its bytes can hold"):
        probe(source, Limits(free_pixels=1_000_000))
    assert probe(source, LIMITS).frames == 30


def test_a_still_screen_recording_is_worth_its_few_bytes(tmp_path):
    """Ten seconds of one colour: the smallest video that x264 writes, here without any free work."""
    source = tmp_path / "source.mp4"
    ffmpeg(
        "-f", "lavfi", "-i", "color=s=1920x1080:r=30:d=10", "-c:v", "libx264", "-preset", "ultrafast", source
    )

    assert probe(source, Limits(free_pixels=0)).frames == 300


def test_two_pictures_hours_apart_are_few_jobs(tmp_path):
    far_apart(tmp_path / "source.mkv", 7190)

    plan = make_plan(probe(tmp_path / "source.mkv", LIMITS))

    assert len(plan.chunks) <= 15
    assert plan.duration_seconds == pytest.approx(7191, abs=2)


def test_a_slideshow_keeps_its_pictures(tmp_path):
    ffmpeg(
        *picture(3, "1", "64x64"),
        "-vf",
        "setpts=N*10/TB",
        "-fps_mode",
        "passthrough",
        *X264,
        tmp_path / "s.mp4",
    )

    film = probe(tmp_path / "s.mp4", LIMITS)

    assert (film.frames, make_plan(film).duration_seconds) == (3, pytest.approx(30, abs=10))


def test_a_phone_s_slow_motion_is_taken(tmp_path):
    ffmpeg(*picture(1, "240", "64x64"), *X264, tmp_path / "fast.mp4")

    film = probe(tmp_path / "fast.mp4", LIMITS)

    assert (film.rate, make_plan(film).rate) == (240, 60)


@pytest.mark.parametrize(("rate", "is_kept"), [(1, False), (8000, True), (10_000_000, False)])
def test_sound_of_an_absurd_rate_is_left_out(tmp_path, rate, is_kept):
    source = tmp_path / "source.mkv"
    silence = ("-f", "lavfi", "-i", f"anullsrc=r={rate}:cl=mono:d=1")
    ffmpeg(*picture(1, "10", "64x64"), *silence, *X264, "-c:a", "pcm_s16le", source)

    assert probe(source, LIMITS).has_audio is is_kept


def test_one_packet_of_sound_does_not_last_for_hours():
    spans: dict[int, list[Fraction]] = {}

    extend(spans, SimpleNamespace(stream_index=1, pts=48_000, duration=10**9, time_base=Fraction(1, 48_000)))

    assert spans == {1: [1, 11]}


def test_a_demuxer_that_fails_by_itself_is_permanent_and_told_to_us():
    with capture_logs() as logs:
        fate = _fate_of(Ended(1, b"", "Traceback: ZeroDivisionError"))

    assert isinstance(fate, Permanent)
    assert [(line["event"], line["log_level"]) for line in logs] == [("video_failure_unforeseen", "error")]


def test_a_stream_that_begins_in_mid_file_does_not_end_the_reading(tmp_path):
    """FLV has no list of streams: one begins with its first packet, and this H.263 looks like ever new ones."""
    source = tmp_path / "source.flv"
    ffmpeg(*picture(2, "25", "352x288"), "-c:v", "h263", "-strict", "experimental", source)

    assert probe(source, LIMITS).frames >= 1


@pytest.mark.parametrize(
    "opener",
    ["hls", "dash", "concat", "image2", "sdp", "rtsp", "imf", "mlv", "avisynth", "dvdvideo", "lavfi"],
)
def test_no_demuxer_that_opens_other_files_is_allowed(opener):
    assert opener not in FORMATS.split(",")
