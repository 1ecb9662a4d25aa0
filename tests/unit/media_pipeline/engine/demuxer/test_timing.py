"""How long the last picture is shown, and with it the video."""

import pytest

from media_pipeline.engine.plan import make_plan
from media_pipeline.engine.probe import probe
from tests.unit.media_pipeline.engine.films import X264, ffmpeg, picture
from tests.unit.media_pipeline.engine.reading import LIMITS, frames_of_pieces, frames_of_whole


def _with_last_picture_of(path, seconds):
    """Write thirty pictures in a second, and one more that is shown for so long."""
    longer = ("-bsf:v", f"setts=duration='if(eq(N,30),{seconds}/TB,DURATION)'")
    ffmpeg(*picture(2, "30", "160x90"), "-frames:v", "31", *X264, *longer, path)


@pytest.mark.parametrize("seconds", [1.57, 25])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_last_picture_of_long_duration_is_shown_to_its_end(tmp_path, seconds, suffix):
    source = tmp_path / f"source{suffix}"
    _with_last_picture_of(source, seconds)

    film = probe(source, LIMITS)
    plan = make_plan(film, chunk_seconds=0)

    assert plan.frames == pytest.approx((1 + seconds) * 30, abs=1)
    assert frames_of_pieces(source, film, plan, tmp_path) == frames_of_whole(source, film, plan)
