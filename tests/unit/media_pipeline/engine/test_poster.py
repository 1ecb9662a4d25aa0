"""The poster is a picture in which there is something to see."""

import hashlib

import pytest
from PIL import Image, ImageFilter, ImageStat

from media_pipeline.engine.plan import make_plan
from media_pipeline.engine.poster import MEASURED_HEIGHT, MEASURED_WIDTH, Measured, choose_poster, measure
from media_pipeline.engine.probe import probe
from media_pipeline.engine.thumbnails import grab_thumbnails
from tests.unit.media_pipeline.engine.films import X264, ffmpeg
from tests.unit.media_pipeline.engine.reading import LIMITS, nothing

DARK, FLAT, BRIGHT = Measured(5, 20, 9), Measured(120, 2, 0.1), Measured(250, 20, 9)
BLURRED, SHARP, SHARPER = Measured(120, 50, 2), Measured(120, 50, 8), Measured(120, 50, 9)
DETAIL = "testsrc2=s=320x180:r=10:d={}"


@pytest.mark.parametrize(
    ("pictures", "chosen"),
    [
        ([DARK, FLAT, BRIGHT, SHARP], 3),
        ([BLURRED, SHARP, SHARPER], 1),
        ([SHARPER, DARK, BLURRED], 0),
        ([SHARP, SHARP], 0),
        ([DARK, FLAT], 0),
        ([FLAT, FLAT], 0),
        ([BLURRED], 0),
    ],
)
def test_the_first_picture_with_something_to_see_is_chosen(pictures, chosen):
    assert choose_poster(pictures) == chosen


def test_a_picture_is_measured_by_its_levels():
    halves = (bytes([0]) * (MEASURED_WIDTH // 2) + bytes([200]) * (MEASURED_WIDTH // 2)) * MEASURED_HEIGHT
    columns = bytes([0, 200]) * (MEASURED_WIDTH // 2) * MEASURED_HEIGHT

    assert measure(halves).brightness == measure(columns).brightness == 100
    assert measure(halves).contrast == measure(columns).contrast == 100
    assert measure(columns).sharpness > 50 * measure(halves).sharpness


def _in_turn(path, *parts):
    inputs = [part for graph in parts for part in ("-f", "lavfi", "-i", graph)]
    joined = "".join(f"[{number}:v]" for number in range(len(parts))) + f"concat=n={len(parts)}:v=1"
    ffmpeg(*inputs, "-filter_complex", joined, *X264, "-g", "10", "-pix_fmt", "yuv420p", path)
    return path


def _poster(source, folder):
    film = probe(source, LIMITS)
    grab_thumbnails(source, film, make_plan(film), folder, nothing)
    names = {path.name for path in folder.iterdir()}
    assert names == {"poster.png", *(f"thumb_{number}.png" for number in range(1, 5))}
    return Image.open(folder / "poster.png").convert("L")


@pytest.mark.parametrize(
    "parts",
    [
        ("color=black:s=320x180:r=10:d=4", DETAIL.format(2)),
        ("color=white:s=320x180:r=10:d=4", DETAIL.format(2)),
        ("color=0x4060a0:s=320x180:r=10:d=4", DETAIL.format(2), "color=black:s=320x180:r=10:d=3"),
        ("color=black:s=320x180:r=10:d=11", DETAIL.format(1)),
    ],
)
def test_a_video_that_opens_with_one_colour_has_a_poster_of_what_follows(tmp_path, parts):
    poster = _poster(_in_turn(tmp_path / "source.mp4", *parts), tmp_path / "grabbed")

    (brightness,), (contrast,) = ImageStat.Stat(poster).mean, ImageStat.Stat(poster).stddev
    assert 60 < brightness < 200
    assert contrast > 30


def test_a_blurred_beginning_is_left_aside(tmp_path):
    blurred = DETAIL.format(2) + ",gblur=sigma=12"
    source = _in_turn(tmp_path / "source.mp4", blurred, DETAIL.format(6))

    poster = _poster(source, tmp_path / "grabbed")
    (edges,) = ImageStat.Stat(poster.filter(ImageFilter.FIND_EDGES)).mean

    last = Image.open(tmp_path / "grabbed" / "thumb_4.png").convert("L")
    (edges_of_the_end,) = ImageStat.Stat(last.filter(ImageFilter.FIND_EDGES)).mean
    assert edges > 0.8 * edges_of_the_end


def test_thumbnails_show_the_picture_of_their_place_up_to_the_end(tmp_path):
    """The last of four comes from behind the last key frame."""
    greys = "color=black:s=64x64:r=10:d=8,geq=lum='40+20*floor(T)':cb=128:cr=128"
    source = tmp_path / "source.mp4"
    ffmpeg("-f", "lavfi", "-i", greys, *X264, "-g", "20", "-qp", "1", source)
    film = probe(source, LIMITS)
    grab_thumbnails(source, film, make_plan(film), tmp_path / "grabbed", nothing)

    seen = [
        ImageStat.Stat(Image.open(tmp_path / "grabbed" / f"thumb_{n}.png").convert("L")).mean[0]
        for n in (1, 2, 3, 4)
    ]

    # Key frames lie at 0, 2, 4 and 6 s, the thumbnails at 1.6, 3.2, 4.8 and 6.4 s.
    assert seen == pytest.approx([28, 74, 121, 168], abs=4)


def test_a_video_of_nothing_but_black_has_a_poster_all_the_same(tmp_path):
    source = _in_turn(tmp_path / "source.mp4", "color=black:s=320x180:r=10:d=3")

    (brightness,) = ImageStat.Stat(_poster(source, tmp_path / "grabbed")).mean

    assert brightness < 5


def test_the_same_video_always_has_the_same_poster(tmp_path, film_path):
    digests = set()
    for attempt in ("first", "second"):
        _poster(film_path("open_gop.mp4"), tmp_path / attempt)
        digests.add(hashlib.sha256((tmp_path / attempt / "poster.png").read_bytes()).hexdigest())

    assert len(digests) == 1
