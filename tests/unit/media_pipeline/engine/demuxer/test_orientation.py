"""All eight orientations of a display matrix, by a picture with four different corners."""

import subprocess
from math import cos, radians, sin
from struct import pack

import pytest

from media_pipeline.engine.cut import cut_pieces, piece_name
from media_pipeline.engine.encode import encode_chunk, rung_name
from media_pipeline.engine.ffmpeg import ffmpeg_path
from media_pipeline.engine.plan import Film, make_plan
from media_pipeline.engine.probe import probe
from media_pipeline.engine.thumbnails import grab_thumbnails
from tests.unit.media_pipeline.engine.films import OPEN_GOP, ffmpeg
from tests.unit.media_pipeline.engine.reading import LIMITS, nothing

WIDTH, HEIGHT = 192, 128
COLOURS = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
STORED = ("red", "lime", "blue", "white")  # top left, top right, bottom left, bottom right
IDENTITY = pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)

# The matrix (a, b, c, d) maps (x, y) to (ax + cy, bx + dy), y downwards: ISO/IEC 14496-12, 6.2.2.
SHOWN = {
    (1, 0, 0, 1): ("red", "lime", "blue", "white"),
    (-1, 0, 0, 1): ("lime", "red", "white", "blue"),
    (1, 0, 0, -1): ("blue", "white", "red", "lime"),
    (-1, 0, 0, -1): ("white", "blue", "lime", "red"),
    (0, 1, 1, 0): ("red", "blue", "lime", "white"),
    (0, 1, -1, 0): ("blue", "red", "white", "lime"),
    (0, -1, 1, 0): ("lime", "white", "red", "blue"),
    (0, -1, -1, 0): ("white", "lime", "blue", "red"),
}


def _four_corners(folder):
    path = folder / "stored.mp4"
    boxes = [
        f"drawbox={x}:{y}:{WIDTH // 2}:{HEIGHT // 2}:{colour}:fill"
        for colour, (x, y) in zip(
            STORED,
            [(0, 0), (WIDTH // 2, 0), (0, HEIGHT // 2), (WIDTH // 2, HEIGHT // 2)],
            strict=True,
        )
    ]
    ffmpeg(
        "-f",
        "lavfi",
        "-i",
        f"color=black:s={WIDTH}x{HEIGHT}:r=10:d=0.5",
        "-vf",
        ",".join(boxes),
        *OPEN_GOP,
        path,
    )
    return path


def _with_matrix(stored, matrix, target):
    """Write the matrix into the track's header (tkhd); the movie's (mvhd) comes first and stays."""
    content = stored.read_bytes()
    at = content.index(IDENTITY, content.index(b"tkhd"))
    a, b, c, d = (round(value * 0x10000) for value in matrix)
    changed = pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)
    target.write_bytes(content[:at] + changed + content[at + len(changed) :])
    return target


def _corners(path, width, height):
    command = [ffmpeg_path(), "-v", "fatal", "-i", str(path), "-frames:v", "1", "-pix_fmt", "rgb24"]
    pixels = subprocess.run([*command, "-f", "rawvideo", "-"], check=True, capture_output=True).stdout
    places = [(x, y) for y in (height // 4, height * 3 // 4) for x in (width // 4, width * 3 // 4)]
    return tuple(_name(pixels[3 * (y * width + x) :][:3]) for x, y in places)


def _name(pixel):
    return min(COLOURS, key=lambda name: sum(abs(a - b) for a, b in zip(pixel, COLOURS[name], strict=True)))


@pytest.mark.parametrize("matrix", SHOWN)
def test_each_of_the_eight_orientations_is_shown_upright(tmp_path, matrix):
    source = _with_matrix(_four_corners(tmp_path), matrix, tmp_path / "source.mp4")
    film = probe(source, LIMITS)
    plan = make_plan(film)
    cut_pieces(source, film, plan, tmp_path / "pieces")
    encode_chunk(tmp_path / "pieces" / piece_name(0), plan, 0, tmp_path / "chunk", nothing)
    grab_thumbnails(source, film, plan, tmp_path / "grabbed", nothing)

    rung = plan.rungs[0]
    turned = matrix[0] == 0
    assert (rung.width, rung.height) == ((HEIGHT, WIDTH) if turned else (WIDTH, HEIGHT))
    for made in (tmp_path / "chunk" / rung_name(rung), tmp_path / "grabbed" / "poster.png"):
        assert _corners(made, rung.width, rung.height) == SHOWN[matrix]


@pytest.mark.parametrize(
    ("degrees", "nearest"), [(3, 0), (-40, 0), (50, 270), (100, 270), (170, 180), (-100, 90), (359, 0)]
)
def test_an_angle_between_goes_to_the_nearest_quarter(tmp_path, degrees, nearest):
    angle = radians(degrees)
    matrix = (cos(angle), sin(angle), -sin(angle), cos(angle))

    film = probe(_with_matrix(_four_corners(tmp_path), matrix, tmp_path / "source.mp4"), LIMITS)

    assert (film.rotation, film.mirrored) == (nearest, False)


@pytest.mark.parametrize("matrix", [(0, 0, 0, 0), (2, 0, 0, 2), (0.5, 0, 0, 1)])
def test_a_matrix_that_only_scales_turns_nothing(tmp_path, matrix):
    film = probe(_with_matrix(_four_corners(tmp_path), matrix, tmp_path / "source.mp4"), LIMITS)

    assert (film.rotation, film.mirrored) == (0, False)


def test_a_film_probed_by_the_last_release_is_not_mirrored(film_path):
    stored = probe(film_path("short.mp4"), LIMITS).as_json()
    del stored["mirrored"]

    assert Film.from_json(stored).mirrored is False
