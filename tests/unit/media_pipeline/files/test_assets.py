"""Output files that later steps read."""

import pytest

from media_pipeline.files import assets
from media_pipeline.models import VideoState
from tests.unit.media_pipeline.builders import a_video, an_asset, kept_everywhere

pytestmark = pytest.mark.django_db


@pytest.fixture
def film(owner):
    film = a_video(owner, VideoState.PROCESSING)
    an_asset(film, "subtitles", "en", "subtitles/en.vtt", b"WEBVTT")
    an_asset(film, "mp4", "180", "film/180p.mp4", b"small")
    an_asset(film, "mp4", "1080", "film/1080p.mp4", b"tall")
    return film


def test_they_are_found_where_another_machine_made_them(bucket, film, move):
    kept_everywhere(film)
    move("another")

    (track,) = assets.subtitle_tracks(film)
    best = assets.best_mp4(film)

    assert (track.language, track.path.read_bytes()) == ("en", b"WEBVTT")
    assert (best.name, best.read_bytes()) == ("1080p.mp4", b"tall")


def test_a_film_without_any_has_none(owner):
    film = a_video(owner)

    assert assets.subtitle_tracks(film) == []
    assert assets.best_mp4(film) is None
