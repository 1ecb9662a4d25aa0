from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_pipeline.engine.film import Film, Sound
from media_pipeline.engine.grid import STANDARD_RATES, choose_rate
from media_pipeline.engine.ladder import LONGEST_SIDE, kilobits_for, make_ladder
from media_pipeline.engine.plan import Plan, make_plan


def a_film(**fields) -> Film:
    """A minute of 1080p with sound, save for what the test says."""
    usual = {
        "container": "mov,mp4",
        "video_stream": 0,
        "video_codec": "h264",
        "width": 1920,
        "height": 1080,
        "sample_aspect": Fraction(1),
        "rotation": 0,
        "interlaced": False,
        "transfer": "sdr",
        "colour_space": "bt709",
        "colour_range": "tv",
        "bits": 8,
        "rate": Fraction(30),
        "is_variable": False,
        "frames": 1800,
        "key_gap_seconds": 2.0,
        "start_seconds": Fraction(0),
        "video_start_seconds": Fraction(0),
        "video_end_seconds": Fraction(60),
        "sounds": (Sound(1, "aac", "eng", Fraction(0), Fraction(60)),),
        "texts": (),
        "in_one_piece": False,
        "truncated": False,
    }
    return Film(**(usual | fields))


@pytest.mark.parametrize(
    ("found", "is_variable", "chosen"),
    [
        (Fraction(30), False, Fraction(30)),
        (Fraction(2997, 100), False, Fraction(30000, 1001)),
        (Fraction(23976, 1000), False, Fraction(24000, 1001)),
        (Fraction(15), False, Fraction(15)),
        (Fraction(10), False, Fraction(10)),
        (Fraction(120), False, Fraction(60)),
        (Fraction(1000), False, Fraction(60)),
        (Fraction(26), True, Fraction(30000, 1001)),
        (Fraction(35), True, Fraction(48)),
        (Fraction(90), True, Fraction(60)),
        (Fraction(1, 10), False, Fraction(1, 2)),
    ],
)
def test_the_rate_is_a_standard_one_where_that_loses_nothing(found, is_variable, chosen):
    assert choose_rate(found, is_variable=is_variable) == chosen


@given(st.fractions(min_value=1, max_value=60), st.booleans())
def test_no_picture_is_dropped_below_sixty_a_second(rate, is_variable):
    chosen = choose_rate(rate, is_variable=is_variable)

    assert chosen >= rate * Fraction(99, 100)
    assert not is_variable or chosen in STANDARD_RATES


@pytest.mark.parametrize(
    ("size", "rungs"),
    [
        ((1920, 1080), [(1920, 1080), (1280, 720), (854, 480), (640, 360)]),
        ((1080, 1920), [(1080, 1920), (720, 1280), (480, 854), (360, 640)]),
        ((1280, 720), [(1280, 720), (854, 480), (640, 360)]),
        ((1024, 576), [(854, 480), (640, 360)]),
        ((641, 359), [(640, 358)]),
        ((360, 640), [(360, 640)]),
        ((16, 16), [(16, 16)]),
        ((1, 1), [(2, 2)]),
        ((2560, 1440), [(2560, 1440), (1920, 1080), (1280, 720), (854, 480), (640, 360)]),
        ((3840, 2160), [(3840, 2160), (2560, 1440), (1920, 1080), (1280, 720), (854, 480), (640, 360)]),
        ((4320, 7680), [(2160, 3840), (1440, 2560), (1080, 1920), (720, 1280), (480, 854), (360, 640)]),
        ((2577, 1080), [(2576, 1080), (1718, 720), (1146, 480), (860, 360)]),
        ((1435, 771), [(1340, 720), (894, 480), (670, 360)]),
        ((8192, 16), [(8192, 16)]),
        ((65535, 1), [(8192, 2)]),
        ((16384, 360), [(8192, 180)]),
        ((300, 65535), [(38, 8192)]),
    ],
)
def test_rungs_go_by_the_short_side_and_never_above_the_source(size, rungs):
    assert [(rung.width, rung.height) for rung in make_ladder(*size)] == rungs


@pytest.mark.parametrize(
    ("size", "kilobits"),
    [
        ((1920, 1080), [5000, 2800, 1400, 800]),
        ((1080, 1920), [5000, 2800, 1400, 800]),
        ((1440, 1080), [5000, 2800, 1400, 800]),
        ((3840, 2160), [16000, 9000, 5000, 2800, 1400, 800]),
        ((320, 180), [800]),
    ],
)
def test_the_usual_sizes_have_the_rates_of_the_ladder(size, kilobits):
    assert [rung.kilobits for rung in make_ladder(*size)] == kilobits


def test_a_wide_picture_has_the_rate_of_its_pixels():
    (thread,) = make_ladder(8192, 256)
    (full_hd, *_) = make_ladder(1920, 1080)

    assert thread.kilobits == pytest.approx(full_hd.kilobits, rel=0.05)
    assert make_ladder(2560, 1080)[0].kilobits > full_hd.kilobits


@given(st.integers(2, 8000), st.integers(2, 8000), st.integers(0, 8000), st.integers(0, 8000))
def test_a_larger_picture_never_has_a_lower_rate(width, height, wider, higher):
    assert kilobits_for(width + wider, height + higher) >= kilobits_for(width, height)


def test_no_rung_is_above_the_largest_that_is_wanted():
    plan = make_plan(a_film(width=3840, height=2160), largest_rung=1080)

    assert [rung.name for rung in plan.rungs] == ["1080", "720", "480", "360"]


@given(st.integers(1, 70_000), st.integers(1, 70_000))
def test_no_rung_is_wider_than_its_readers_take(width, height):
    for rung in make_ladder(width, height):
        assert max(rung.width, rung.height) <= LONGEST_SIDE


@given(st.integers(2, 8000), st.integers(2, 8000))
def test_every_rung_is_even_and_no_larger_than_the_source(width, height):
    for rung in make_ladder(width, height):
        assert rung.width % 2 == rung.height % 2 == 0
        assert 2 <= rung.width <= width
        assert 2 <= rung.height <= height


@given(
    seconds=st.fractions(min_value=Fraction(1, 100), max_value=5000),
    rate=st.sampled_from(STANDARD_RATES),
    chunk_seconds=st.floats(0.1, 60),
)
def test_chunks_cover_every_frame_once_and_begin_at_segments(seconds, rate, chunk_seconds):
    plan = make_plan(a_film(video_end_seconds=seconds, sounds=(), rate=rate), chunk_seconds)

    ends = [chunk.first + chunk.frames for chunk in plan.chunks]
    assert [chunk.first for chunk in plan.chunks] == [0, *ends[:-1]]
    assert ends[-1] == plan.frames == max(1, round(seconds * plan.rate))
    assert all(chunk.first % plan.frames_per_segment == 0 for chunk in plan.chunks)


def test_a_plan_and_a_film_survive_json():
    film = a_film(rate=Fraction(30000, 1001), rotation=90)
    plan = make_plan(film)

    assert Film.from_json(film.as_json()) == film
    assert Plan.from_json(plan.as_json()) == plan


def test_a_film_that_cannot_be_cut_is_one_chunk():
    plan = make_plan(a_film(in_one_piece=True, video_stream=3), 4)

    assert (len(plan.chunks), plan.whole_stream) == (1, 3)


def test_a_few_hundredths_of_padding_do_not_make_a_film_longer():
    padded = Sound(1, "aac", "", Fraction(0), Fraction(6005, 100))
    longer = Sound(1, "aac", "", Fraction(0), Fraction(61))

    assert make_plan(a_film(sounds=(padded,))).frames == 1800
    assert make_plan(a_film(sounds=(longer,))).frames == 1830


HOURS = 3600
# What people have: rate found, whether it varies, frames of the source, seconds; then rate and jobs of the plan.
LEGAL: dict[str, tuple[Fraction | int, bool, int, int, Fraction | int, int]] = {
    "a talk of four hours": (30, False, 4 * HOURS * 30, 4 * HOURS, 30, 1200),
    "four hours of a game at 60": (60, False, 4 * HOURS * 60, 4 * HOURS, 60, 1200),
    "a still screen at one frame per second": (1, False, 2 * HOURS, 2 * HOURS, 1, 30),
    "a slideshow of photos, ten seconds each": (Fraction(1, 10), False, 60, 600, Fraction(1, 2), 2),
    "slow motion of a phone": (240, False, 240 * 60, 60, 60, 5),
    "a screen capture with gaps of minutes": (60, True, 20_000, HOURS, 60, 300),
    "a podcast behind one still": (25, False, 1, HOURS, 2, 30),
}


@pytest.mark.parametrize("name", LEGAL)
def test_what_people_have_is_planned_as_before(name):
    rate, is_variable, frames, seconds, planned_rate, jobs = LEGAL[name]
    film = a_film(
        rate=Fraction(rate),
        is_variable=is_variable,
        frames=frames,
        video_end_seconds=Fraction(seconds),
        sounds=(),
    )

    plan = make_plan(film)

    assert (plan.rate, len(plan.chunks)) == (planned_rate, jobs)
    assert plan.duration_seconds == pytest.approx(seconds)


@pytest.mark.parametrize("size", [(64, 64), (1920, 1080), (7680, 4320)])
def test_a_second_of_a_thousand_frames_and_hours_of_nothing_are_little_work(size):
    width, height = size
    film = a_film(
        width=width, height=height, rate=Fraction(1000), is_variable=True, frames=1000, sounds=(),
        video_end_seconds=Fraction(4 * HOURS),
    )  # fmt: skip

    plan = make_plan(film)

    assert len(plan.chunks) <= 84
    assert plan.frames <= 21_000


def test_what_the_last_release_stored_is_read():
    film, plan = a_film().as_json(), make_plan(a_film()).as_json()
    del film["decoder"], film["is_remuxed"], plan["decoder"]

    assert Film.from_json(film) == a_film()
    assert Plan.from_json(plan) == make_plan(a_film())
