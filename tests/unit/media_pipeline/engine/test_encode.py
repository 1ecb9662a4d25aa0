import hashlib
import subprocess
from dataclasses import replace

import pytest

from celery_ledger.errors import Transient
from media_pipeline.engine.cut import cut_pieces, piece_name
from media_pipeline.engine.encode import encode_chunk, rung_name
from media_pipeline.engine.ffmpeg import ffmpeg_path
from media_pipeline.engine.filters import picture_filters
from media_pipeline.engine.fragments import NotContinuous, join, read_parts
from media_pipeline.engine.plan import make_plan
from media_pipeline.engine.probe import probe
from tests.unit.media_pipeline.engine.films import OPEN_GOP, ffmpeg, picture
from tests.unit.media_pipeline.engine.reading import LIMITS, ffprobe, nothing


def _cut(source, folder, chunk_seconds=4):
    film = probe(source, LIMITS)
    plan = make_plan(film, chunk_seconds)
    cut_pieces(source, film, plan, folder / "pieces")
    return plan, [folder / "pieces" / piece_name(chunk.number) for chunk in plan.chunks]


def _encode_all(plan, pieces, folder):
    for number, piece in enumerate(pieces):
        encode_chunk(piece, plan, number, folder / f"chunk_{number}", nothing)
    return [folder / f"chunk_{number}" for number in range(len(pieces))]


def test_chunks_join_without_a_seam(film_path, tmp_path):
    plan, pieces = _cut(film_path("open_gop.ts"), tmp_path)
    files = [folder / rung_name(plan.rungs[0]) for folder in _encode_all(plan, pieces, tmp_path)]

    parts = [read_parts(file) for file in files]

    assert len(parts) == 2
    assert len({part.header for part in parts}) == 1
    assert [part.frames for part in parts] == [(120,), (60,)]
    assert [part.starts for part in parts] == [(0,), (120 * 512,)]


@pytest.mark.parametrize("suffix", [".mkv", ".mov", ".avi"])
def test_a_single_jpeg_is_a_video_of_one_frame(tmp_path, suffix):
    source = tmp_path / f"source{suffix}"
    ffmpeg(*picture(0.1, "10", "64x64"), "-frames:v", "1", "-c:v", "mjpeg", source)
    plan, pieces = _cut(source, tmp_path)

    [encoded] = _encode_all(plan, pieces, tmp_path)

    assert read_parts(encoded / rung_name(plan.rungs[0])).frames == (1,)


def test_a_repeated_chunk_has_the_same_bytes(film_path, tmp_path):
    plan, pieces = _cut(film_path("open_gop.mp4"), tmp_path)

    digests = []
    for attempt in ("first", "second"):
        encode_chunk(pieces[1], plan, 1, tmp_path / attempt, nothing)
        content = (tmp_path / attempt / rung_name(plan.rungs[0])).read_bytes()
        digests.append(hashlib.sha256(content).hexdigest())

    assert digests[0] == digests[1]


def test_a_finished_chunk_is_not_encoded_again(film_path, tmp_path):
    plan, pieces = _cut(film_path("short.mp4"), tmp_path)
    encode_chunk(pieces[0], plan, 0, tmp_path / "chunk", nothing)
    pieces[0].unlink()

    encode_chunk(pieces[0], plan, 0, tmp_path / "chunk", nothing)


def test_a_missing_piece_may_come_back(film_path, tmp_path):
    plan, _ = _cut(film_path("short.mp4"), tmp_path)

    with pytest.raises(Transient):
        encode_chunk(tmp_path / "nowhere.nut", plan, 0, tmp_path / "chunk", nothing)


def test_progress_rises_to_one(film_path, tmp_path):
    plan, pieces = _cut(film_path("open_gop.mp4"), tmp_path)
    shares: list[float] = []

    encode_chunk(pieces[0], plan, 0, tmp_path / "chunk", shares.append)

    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_a_cancelled_chunk_leaves_nothing(film_path, tmp_path):
    class Cancelled(Exception):
        pass

    def cancel(share):
        raise Cancelled

    plan, pieces = _cut(film_path("open_gop.mp4"), tmp_path)
    with pytest.raises(Cancelled):
        encode_chunk(pieces[0], plan, 0, tmp_path / "made" / "chunk", cancel)

    assert not list((tmp_path / "made").iterdir())


def test_chunks_that_overlap_are_not_joined(film_path, tmp_path):
    plan, pieces = _cut(film_path("open_gop.mp4"), tmp_path)
    encode_chunk(pieces[0], plan, 0, tmp_path / "right", nothing)
    whole = tmp_path / "right" / rung_name(plan.rungs[0])

    with pytest.raises(NotContinuous):
        join([whole, whole], tmp_path / "joined.mp4")


@pytest.mark.parametrize("name", ["odd_size.mp4", "anamorphic.mp4", "portrait.mp4", "hdr.mp4", "moving.gif"])
def test_every_rung_is_even_square_and_of_the_standard_colours(film_path, tmp_path, name):
    plan, pieces = _cut(film_path(name), tmp_path)
    (folder,) = _encode_all(plan, pieces, tmp_path)

    for rung in plan.rungs:
        (stream,) = ffprobe(folder / rung_name(rung), "-show_streams")["streams"]
        assert (stream["width"], stream["height"]) == (rung.width, rung.height)
        assert stream["sample_aspect_ratio"] in {"1:1", "0:1"}
        assert stream["pix_fmt"] == "yuv420p"
        assert stream["color_space"] == stream["color_transfer"] == stream["color_primaries"] == "bt709"
        assert stream["color_range"] == "tv"


def _pixel(path, x, y, filters=""):
    crop = ",".join(part for part in (filters, f"crop=2:2:{x}:{y},format=rgb24") if part)
    command = [
        ffmpeg_path(),
        "-v",
        "fatal",
        "-i",
        str(path),
        "-vf",
        crop,
        "-frames:v",
        "1",
        "-f",
        "rawvideo",
        "-",
    ]
    return tuple(subprocess.run(command, check=True, capture_output=True).stdout[:3])


@pytest.mark.parametrize("name", ["turned_90.mp4", "turned_180.mp4", "turned_270.mp4"])
def test_a_turned_film_stands_upright(film_path, tmp_path, name):
    """A red box in one corner; ffmpeg's own turning says where it belongs."""
    source = film_path(name)
    plan, pieces = _cut(source, tmp_path)
    (folder,) = _encode_all(plan, pieces, tmp_path)

    rung = plan.rungs[0]
    corners = [(4, 4), (rung.width - 8, 4), (4, rung.height - 8), (rung.width - 8, rung.height - 8)]
    red = [[_is_red(_pixel(path, x, y)) for x, y in corners] for path in (folder / rung_name(rung), source)]

    assert red[0] == red[1]
    assert sum(red[0]) == 1


def _is_red(pixel):
    return pixel[0] > 180 and pixel[1] < 90 and pixel[2] < 90


@pytest.mark.parametrize(
    ("encoding", "tag"),
    [
        ("scale=out_color_matrix=bt601:out_range=tv,format=yuv420p", "smpte170m"),
        ("scale=out_color_matrix=bt709:out_range=tv,format=yuv420p", "bt709"),
        ("scale=out_color_matrix=bt601:out_range=pc,format=yuvj420p", "smpte170m"),
        ("scale=out_color_matrix=bt601:out_range=tv,format=yuv420p", ""),
    ],
)
def test_colours_stay_what_they_were(tmp_path, encoding, tag):
    source = tmp_path / "source.mp4"
    colour = ("-f", "lavfi", "-i", "color=0xC02040:s=320x180:r=25:d=0.2,format=rgb24")
    ffmpeg(*colour, "-vf", encoding, *OPEN_GOP, *(("-colorspace", tag) if tag else ()), source)
    plan, pieces = _cut(source, tmp_path)
    (folder,) = _encode_all(plan, pieces, tmp_path)

    seen = _pixel(folder / rung_name(plan.rungs[0]), 100, 100, "scale=in_color_matrix=bt709:in_range=tv")

    assert all(abs(got - wanted) <= 6 for got, wanted in zip(seen, (0xC0, 0x20, 0x40), strict=True))


def test_an_hdr_picture_is_neither_dark_nor_burnt(film_path, tmp_path):
    plan, pieces = _cut(film_path("hdr.mp4"), tmp_path)
    (folder,) = _encode_all(plan, pieces, tmp_path)

    command = [ffmpeg_path(), "-v", "fatal", "-i", str(folder / rung_name(plan.rungs[0])), "-frames:v", "1"]
    luma = subprocess.run([*command, "-f", "rawvideo", "-"], check=True, capture_output=True).stdout[
        : 320 * 180
    ]

    assert 60 < sum(luma) / len(luma) < 200


def test_a_film_whose_size_changes_keeps_one_size(film_path, tmp_path):
    plan, pieces = _cut(film_path("two_sizes.ts"), tmp_path)

    folders = _encode_all(plan, pieces, tmp_path)

    assert sum(sum(read_parts(folder / rung_name(plan.rungs[0])).frames) for folder in folders) == plan.frames


def test_a_film_in_one_piece_is_read_from_the_source_itself(film_path, tmp_path):
    source = film_path("open_gop.ts")
    film = replace(probe(source, LIMITS), in_one_piece=True)
    plan = make_plan(film, 4)
    cut_pieces(source, film, plan, tmp_path / "pieces")

    encode_chunk(tmp_path / "pieces" / piece_name(0), plan, 0, tmp_path / "chunk", nothing)

    assert sum(read_parts(tmp_path / "chunk" / rung_name(plan.rungs[0])).frames) == 180


def test_a_large_film_is_decoded_once_for_all_rungs(tmp_path):
    source = tmp_path / "source.mp4"
    ffmpeg(*picture(0.2, size="1280x720"), *OPEN_GOP, source)
    plan, pieces = _cut(source, tmp_path)

    (folder,) = _encode_all(plan, pieces, tmp_path)

    assert sorted(path.name for path in folder.iterdir()) == ["360.mp4", "480.mp4", "720.mp4"]


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_hdr_is_mapped_before_anything_else(film_path, transfer):
    film = replace(probe(film_path("hdr.mp4"), LIMITS), transfer=transfer)

    assert picture_filters(film).startswith("zscale=tin=")
