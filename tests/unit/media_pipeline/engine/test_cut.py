import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media_pipeline.engine.cut import cut_pieces
from media_pipeline.engine.plan import make_plan
from media_pipeline.engine.probe import probe
from tests.unit.media_pipeline.engine.films import X264, ffmpeg, picture
from tests.unit.media_pipeline.engine.reading import LIMITS, frames_of_pieces, frames_of_whole

FRAMES = {
    "open_gop.mp4": 180,
    "open_gop.ts": 180,
    "open_gop.mkv": 180,
    "hevc.mp4": 90,
    "variable.mp4": 120,
    "edited.mp4": 141,
    "ntsc_film.mp4": 72,
    "fast.mkv": 180,
    "slow.mp4": 38,
    "vp9.webm": 90,
    "ffv1.mkv": 60,
    "late_picture.mp4": 135,
    "late_sound.mp4": 120,
    "long_sound.mp4": 210,
    "interlaced.ts": 75,
    "hdr.mp4": 60,
    "odd_size.mp4": 60,
    "one_frame.mp4": 1,
    "short.mp4": 6,
    "moving.gif": 20,
    "mpeg4.avi": 90,
    "flash.flv": 90,
    "turned_90.mp4": 30,
}


@pytest.mark.parametrize("name", FRAMES)
def test_chunks_decode_to_the_very_frames_of_the_whole_film(film_path, tmp_path, name):
    source = film_path(name)
    film = probe(source, LIMITS)
    plan = make_plan(film, chunk_seconds=0)

    pieces = frames_of_pieces(source, film, plan, tmp_path)

    assert len(pieces) == FRAMES[name]
    assert pieces == frames_of_whole(source, film, plan)


@pytest.mark.parametrize("name", ["cut_short.mp4", "cut_short.mkv", "cut_short.ts"])
def test_a_truncated_film_is_exact_as_far_as_it_goes(film_path, tmp_path, name):
    source = film_path(name)
    film = probe(source, LIMITS)
    plan = make_plan(film, chunk_seconds=0)

    pieces = frames_of_pieces(source, film, plan, tmp_path)

    assert 60 < len(pieces) < 120
    assert pieces[:-1] == frames_of_whole(source, film, plan)[:-1]


def test_a_damaged_film_keeps_its_length_so_that_sound_stays_in_step(film_path, tmp_path):
    source = film_path("damaged.mp4")
    film = probe(source, LIMITS)

    assert len(frames_of_pieces(source, film, make_plan(film, 0), tmp_path)) == 180


def test_every_picture_of_the_source_is_shown(film_path, tmp_path):
    source = film_path("open_gop.ts")
    film = probe(source, LIMITS)

    hashes = [line.split()[1] for line in frames_of_pieces(source, film, make_plan(film, 0), tmp_path)]

    assert len(set(hashes)) == 180


def test_cutting_again_changes_nothing(film_path, tmp_path):
    source = film_path("open_gop.mp4")
    film = probe(source, LIMITS)
    plan = make_plan(film, 4)
    cut_pieces(source, film, plan, tmp_path / "once")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "once").iterdir()}

    cut_pieces(source, film, plan, tmp_path / "once")
    cut_pieces(source, film, plan, tmp_path / "again")

    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "once").iterdir()} == before
    for path in (tmp_path / "once").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    gop=st.integers(1, 60),
    b_frames=st.integers(0, 8),
    is_open=st.booleans(),
    rate=st.sampled_from(["24000/1001", "25", "30000/1001", "30", "50"]),
    container=st.sampled_from(["mp4", "mkv", "ts"]),
    seconds=st.floats(0.3, 5),
)
def test_any_gop_structure_is_cut_exactly(  # noqa: PLR0913 - what may vary
    tmp_path_factory, gop, b_frames, is_open, rate, container, seconds
):
    folder = tmp_path_factory.mktemp("any")
    source = folder / f"film.{container}"
    structure = f"open-gop={int(is_open)}:keyint={gop}:bframes={b_frames}:b-pyramid=normal:b-adapt=0"
    ffmpeg(*picture(5, rate, "160x90"), *X264, "-x264-params", structure, source)
    film = probe(source, LIMITS)
    plan = make_plan(film, chunk_seconds=seconds)

    assert frames_of_pieces(source, film, plan, folder) == frames_of_whole(source, film, plan)
