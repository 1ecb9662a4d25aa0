"""What is transparent is shown on black."""

import subprocess

import pytest
from PIL import Image

from media_pipeline.engine.cut import cut_pieces, piece_name
from media_pipeline.engine.encode import encode_chunk, rung_name
from media_pipeline.engine.ffmpeg import ffmpeg_path
from media_pipeline.engine.plan import make_plan
from media_pipeline.engine.probe import probe
from media_pipeline.engine.quality import measure_vmaf
from media_pipeline.engine.storyboard import make_storyboard
from media_pipeline.engine.thumbnails import grab_thumbnails
from tests.unit.media_pipeline.engine.films import ffmpeg
from tests.unit.media_pipeline.engine.reading import LIMITS, make, nothing

SIZE = "64x48"
# Left a third transparent over white, middle half transparent white, right opaque white.
ALPHA = "255*gte(X,W*2/3)+128*lt(X,W*2/3)*gte(X,W/3)"
PALETTE = "split[a][b];[a]palettegen=reserve_transparent=1[p];[b][p]paletteuse=alpha_threshold=200"
WRITERS = {
    "source.gif": ("-vf", PALETTE, "-c:v", "gif"),
    "ffv1.mkv": ("-c:v", "ffv1", "-pix_fmt", "bgra"),
    "yuva.mkv": ("-c:v", "ffv1", "-pix_fmt", "yuva420p"),
    "png.mov": ("-c:v", "png", "-pix_fmt", "rgba"),
    "vp8.webm": ("-c:v", "libvpx", "-auto-alt-ref", "0", "-pix_fmt", "yuva420p"),
    "vp9.webm": ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p"),
    "utvideo.avi": ("-c:v", "utvideo", "-pix_fmt", "gbrap"),
}


def _transparent(path, alpha):
    picture = f"color=white:s={SIZE}:r=10:d=0.4,format=rgba,geq=r=255:g=255:b=255:a='{alpha}'"
    ffmpeg("-f", "lavfi", "-i", picture, *WRITERS[path.name], path)
    return path


def _row(path):
    command = [ffmpeg_path(), "-v", "fatal", "-i", str(path), "-frames:v", "1", "-pix_fmt", "gray"]
    pixels = subprocess.run([*command, "-f", "rawvideo", "-"], check=True, capture_output=True).stdout
    return pixels[64 * 24 : 64 * 25]


def _made(source, folder):
    film = probe(source, LIMITS)
    plan = make_plan(film)
    cut_pieces(source, film, plan, folder / "pieces")
    encode_chunk(folder / "pieces" / piece_name(0), plan, 0, folder / "chunk", nothing)
    grab_thumbnails(source, film, plan, folder / "grabbed", nothing)
    return folder / "chunk" / rung_name(plan.rungs[0]), folder / "grabbed" / "poster.png"


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_transparent_is_black(tmp_path, name):
    encoded, poster = _made(_transparent(tmp_path / name, ALPHA), tmp_path)

    for made in (encoded, poster):
        row = _row(made)

        assert row[10] < 12
        assert row[54] > 240
        # GIF has no half transparency.
        assert name == "source.gif" or 110 < row[32] < 145


@pytest.mark.parametrize("name", ["ffv1.mkv", "png.mov"])
def test_an_alpha_channel_that_nobody_wrote_is_ignored(tmp_path, name):
    for made in _made(_transparent(tmp_path / name, "0"), tmp_path):
        assert min(_row(made)) > 240


@pytest.mark.parametrize("name", ["vp9.webm", "ffv1.mkv"])
def test_storyboard_and_quality_see_the_same_black(tmp_path, name):
    source = _transparent(tmp_path / name, ALPHA)
    made = make(source, tmp_path)
    make_storyboard(source, made.film, made.plan, tmp_path / "storyboard", nothing)

    sheet = Image.open(tmp_path / "storyboard" / "sheet_001.jpg").convert("L")
    score = measure_vmaf(source, made.film, made.plan, made.package / "48.mp4", nothing)

    assert sheet.getpixel((20, 60)) < 20
    assert sheet.getpixel((140, 60)) > 230
    assert score is None or score > 80
