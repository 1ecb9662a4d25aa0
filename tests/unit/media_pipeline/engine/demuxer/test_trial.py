"""Every codec that the packaged ffmpeg can write: chunks decode to the very pictures of the whole video."""

import subprocess
from dataclasses import replace

import pytest

from media_pipeline.engine.ffmpeg import ffmpeg_path
from media_pipeline.engine.plan import Chunk, Plan, make_plan
from media_pipeline.engine.probe import probe
from tests.unit.media_pipeline.engine.films import ffmpeg, picture
from tests.unit.media_pipeline.engine.reading import LIMITS, frames_of_pieces, frames_of_whole

FRAMES, FRAMES_PER_CHUNK = 25, 6
# Those that the public reports were about, and one of each kind: stand-in, tag, palette, bits, order, time base.
FIRST = {
    "libsvtav1": "mkv",
    "libtheora": "ogg",
    "prores_ks": "mov",
    "dnxhd": "mxf",
    "qtrle": "mov",
    "hap": "mov",
    "wmv2": "asf",
    "msmpeg4": "avi",
    "svq1": "mov",
    "rv20": "rm",
    "libvvenc": "mov",
    "flashsv2": "flv",
    "apng": "apng",
    "msrle": "avi",
    "utvideo": "avi",
    "cinepak": "avi",
    "dvvideo": "dv",
    "snow": "nut",
}
ELSE = {
    **dict.fromkeys(
        (
            *("amv", "liboapv", "asv1", "asv2", "avrp", "avui", "cfhd", "cljr", "vc2", "dpx", "dxv", "exr"),
            *("ffv1", "ffvhuff", "flashsv", "flv", "gif", "h261", "h263", "h263p", "libx264", "libx264rgb"),
            *("libopenh264", "libx265", "huffyuv", "jpeg2000", "libopenjpeg", "jpegls", "ljpeg", "magicyuv"),
            *("mjpeg", "mpeg1video", "mpeg2video", "mpeg4", "libxvid", "msmpeg4v2", "msvideo1", "png"),
            *("prores", "prores_aw", "r10k", "r210", "rawvideo", "rpza", "sgi", "smc", "speedhq", "targa"),
            *("tiff", "v210", "wmv1", "y41p", "yuv4", "zlib", "zmbv"),
        ),
        "mov",
    ),
    **dict.fromkeys(("libaom-av1", "librav1e", "libvpx", "libvpx-vp9"), "mkv"),
}
# No container that we take holds them, at least none that ffmpeg writes; or they have no decoder here.
WITHOUT_A_FILE = {
    *("a64multi", "a64multi5", "alias_pix", "bitpacked", "hdr", "libkvazaar", "libjxl", "libjxl_anim"),
    *("pbm", "pcx", "pgm", "pgmyuv", "qoi", "roqvideo", "rv10", "sunrast", "vbn", "vnull", "wbmp"),
    *("bmp", "fits", "pam", "pdv", "pfm", "phm", "ppm", "xwd"),
    *("libwebp_anim", "libwebp", "libxavs2", "wrapped_avframe", "xbm", "xface"),
}
# A piece says neither how many bits a sample has nor the palette: these are encoded by one job, from the source.
IN_ONE_PIECE = {"qtrle", "msrle", "smc", "rpza"}
ON_HARDWARE = ("_amf", "_nvenc", "_qsv", "_v4l2m2m", "_vaapi", "_vulkan")
SIZES = {
    **dict.fromkeys(("h261", "h263"), "352x288"),
    **dict.fromkeys(("dvvideo", "avui"), "720x576"),
    **dict.fromkeys(("hap", "dxv", "cljr", "speedhq"), "320x192"),
    "dnxhd": "1280x720",
}
OPTIONS = {
    "dnxhd": ("-profile:v", "dnxhr_hq"),
    "libsvtav1": ("-preset", "12"),
    "librav1e": ("-speed", "10"),
    "libaom-av1": ("-cpu-used", "8", "-usage", "realtime"),
    "libvvenc": ("-preset", "faster", "-pix_fmt", "yuv420p10le"),
    "libvpx": ("-deadline", "realtime"),
    "libvpx-vp9": ("-deadline", "realtime"),
}


def _in_short_chunks(plan: Plan) -> Plan:
    """Return `plan` with chunks that begin between key frames as well as at them, unless it has to be one chunk."""
    if plan.whole_stream is not None:
        return plan
    starts = range(0, plan.frames, FRAMES_PER_CHUNK)
    return replace(
        plan,
        chunks=tuple(
            Chunk(number, first, min(FRAMES_PER_CHUNK, plan.frames - first))
            for number, first in enumerate(starts)
        ),
    )


@pytest.mark.parametrize(
    ("encoder", "suffix"),
    [*FIRST.items(), *(pytest.param(*pair, marks=pytest.mark.long) for pair in ELSE.items())],
)
def test_a_video_of_any_codec_is_cut_exactly(tmp_path, encoder, suffix):
    source = tmp_path / f"source.{suffix}"
    options = ("-c:v", encoder, "-g", "8", "-strict", "experimental", *OPTIONS.get(encoder, ()))
    ffmpeg(*picture(1, "25", SIZES.get(encoder, "320x180")), *options, source)
    film = probe(source, LIMITS)
    plan = _in_short_chunks(make_plan(film, chunk_seconds=0))

    pieces = frames_of_pieces(source, film, plan, tmp_path)

    assert film.in_one_piece == (encoder in IN_ONE_PIECE)
    assert len(pieces) == FRAMES
    assert pieces == frames_of_whole(source, film, plan)


@pytest.mark.long
def test_no_codec_is_left_out():
    listed = subprocess.run(
        [ffmpeg_path(), "-v", "fatal", "-encoders"], capture_output=True, text=True, check=True
    )
    fields = [line.split() for line in listed.stdout.splitlines() if line.startswith(" V")]
    encoders = {field[1] for field in fields if field[1] != "=" and not field[1].endswith(ON_HARDWARE)}

    assert encoders - set(FIRST) - set(ELSE) == WITHOUT_A_FILE
