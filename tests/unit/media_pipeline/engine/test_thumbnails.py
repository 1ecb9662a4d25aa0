import re

import pytest
from PIL import Image

from media_pipeline.engine.plan import make_plan
from media_pipeline.engine.probe import probe
from media_pipeline.engine.quality import measure_vmaf
from media_pipeline.engine.storyboard import lay_out, make_storyboard
from media_pipeline.engine.thumbnails import grab_thumbnails, process_thumbnails
from tests.unit.media_pipeline.engine.films import OPEN_GOP, ffmpeg
from tests.unit.media_pipeline.engine.reading import LIMITS, ffprobe, make, nothing

ODD = ["open_gop.ts", "one_frame.mp4", "short.mp4", "moving.gif", "portrait.mp4", "turned_90.mp4", "hdr.mp4"]
ODD += [
    "anamorphic.mp4",
    "long_sound.mp4",
    "late_picture.mp4",
    "cut_short.mp4",
    "damaged.mp4",
    "odd_size.mp4",
]


def _size(path):
    (stream,) = ffprobe(path, "-show_streams")["streams"]
    return stream["width"], stream["height"]


@pytest.mark.parametrize("name", ODD)
def test_every_film_has_a_poster_and_four_thumbnails(film_path, tmp_path, name):
    source = film_path(name)
    film = probe(source, LIMITS)
    plan = make_plan(film)

    grab_thumbnails(source, film, plan, tmp_path / "grabbed", nothing)
    names = process_thumbnails(tmp_path / "grabbed", tmp_path / "thumbnails")
    again = process_thumbnails(tmp_path / "grabbed", tmp_path / "thumbnails")

    assert names == again == ("thumb_1.jpg", "thumb_2.jpg", "thumb_3.jpg", "thumb_4.jpg")
    for path in (tmp_path / "thumbnails").iterdir():
        width, height = _size(path)
        assert width / height == pytest.approx(plan.width / plan.height, rel=0.05)
        assert max(width, height) <= (1280 if path.name == "poster.jpg" else 320)
        assert width <= plan.width


@pytest.mark.parametrize("size", ["8192x16", "4x2000", "3x1", "1x1"])
def test_a_picture_like_a_thread_or_a_dot_becomes_a_video_with_thumbnails(tmp_path, size):
    source = tmp_path / "source.mkv"
    shape = f"testsrc=s=64x64:r=5:d=0.6,scale={size.replace('x', ':')}:flags=area"
    ffmpeg("-f", "lavfi", "-i", shape, "-c:v", "ffv1", "-pix_fmt", "yuv444p", source)

    made = make(source, tmp_path)
    grab_thumbnails(source, made.film, made.plan, tmp_path / "grabbed", nothing)
    process_thumbnails(tmp_path / "grabbed", tmp_path / "thumbnails")
    make_storyboard(source, made.film, made.plan, tmp_path / "storyboard", nothing)

    assert made.plan.frames == 3
    for path in (tmp_path / "thumbnails").iterdir():
        width, height = _size(path)
        assert min(width, height) >= 2
        assert max(width, height) <= 20 * min(width, height)


def test_a_4k_video_has_rungs_of_its_own_size_and_a_poster_of_the_usual(tmp_path):
    source = tmp_path / "source.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=3840x2160:r=2:d=1", *OPEN_GOP, source)

    made = make(source, tmp_path)
    grab_thumbnails(source, made.film, made.plan, tmp_path / "grabbed", nothing)
    process_thumbnails(tmp_path / "grabbed", tmp_path / "thumbnails")

    assert _size(made.package / "2160.mp4") == (3840, 2160)
    assert _size(made.package / "1440.mp4") == (2560, 1440)
    assert _size(tmp_path / "thumbnails" / "poster.jpg") == (1280, 720)


@pytest.mark.parametrize("name", ODD)
def test_every_film_has_a_storyboard(film_path, tmp_path, name):
    source = film_path(name)
    film = probe(source, LIMITS)
    plan = make_plan(film)

    vtt = make_storyboard(source, film, plan, tmp_path / "storyboard", nothing)

    text = (tmp_path / "storyboard" / vtt).read_text()
    cues = re.findall(r"(sheet_\d+\.jpg)#xywh=(\d+),(\d+),(\d+),(\d+)", text)
    assert len(cues) == lay_out(plan).tiles
    for sheet, *area in cues:
        x, y, width, height = map(int, area)
        sheet_width, sheet_height = _size(tmp_path / "storyboard" / sheet)
        assert x + width <= sheet_width
        assert y + height <= sheet_height


def test_storyboard_pictures_belong_to_their_times(tmp_path):
    """A video that grows brighter: 5 s of black, then grey, then white."""
    source = tmp_path / "source.ts"
    levels = (
        "-f",
        "lavfi",
        "-i",
        "color=black:s=320x180:r=25:d=15,geq=lum='min(2\\,floor(T/5))*100+20':cb=128:cr=128",
    )
    ffmpeg(*levels, *OPEN_GOP, source)
    film = probe(source, LIMITS)
    plan = make_plan(film)
    make_storyboard(source, film, plan, tmp_path / "storyboard", nothing)

    seen = [_brightness(tmp_path / "storyboard" / "sheet_001.jpg", place) for place in range(8)]

    assert seen[0] == pytest.approx(seen[2], abs=6)
    assert seen[3] > seen[2] + 50
    assert seen[5] > seen[4] + 50
    assert seen[5] == pytest.approx(seen[7], abs=6)


def _brightness(sheet, place):
    row, column = divmod(place, 5)
    area = (
        Image.open(sheet)
        .convert("L")
        .crop((column * 160 + 20, row * 90 + 20, column * 160 + 140, row * 90 + 70))
    )
    return sum(area.tobytes()) / len(area.tobytes())


def test_a_good_encode_scores_high_and_shifted_pictures_low(film_path, tmp_path):
    source = film_path("open_gop.ts")
    made = make(source, tmp_path)
    mp4 = made.package / "180.mp4"

    good = measure_vmaf(source, made.film, made.plan, mp4, nothing)
    later = tmp_path / "later.ts"
    ffmpeg("-ss", "0.5", "-i", source, "-output_ts_offset", "1.4", *OPEN_GOP, later)
    wrong = measure_vmaf(later, made.film, made.plan, mp4, nothing)

    assert good is not None
    assert wrong is not None
    assert good > 85 > wrong + 10


@pytest.mark.parametrize(
    "name", ["one_frame.mp4", "short.mp4", "turned_90.mp4", "interlaced.ts", "late_picture.mp4"]
)
def test_odd_films_are_measured_too(film_path, tmp_path, name):
    source = film_path(name)
    made = make(source, tmp_path)

    score = measure_vmaf(
        source, made.film, made.plan, made.package / f"{made.plan.rungs[0].name}.mp4", nothing
    )

    assert score is not None
    assert score > 80
