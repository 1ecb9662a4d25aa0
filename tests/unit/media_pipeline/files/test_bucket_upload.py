"""An installation that is given a bucket after it has videos."""

import pytest
from django.core.management import call_command

from media_pipeline.files import storage
from media_pipeline.models import Video, VideoState
from tests.unit.media_pipeline.builders import a_video, an_asset

pytestmark = pytest.mark.django_db


def test_what_only_this_machine_has_is_sent_once(bucket, owner, move, capsys):
    film, orphan = a_video(owner, VideoState.READY), a_video(owner)
    Video.objects.filter(pk=orphan.pk).delete()
    an_asset(film, "mp4", "360", "film/360.mp4", b"rendition")
    (storage.film_folder(film.pk) / "output" / ".tmp-film-1").mkdir()

    call_command("deposit_films")
    objects = bucket.objects()
    call_command("deposit_films")

    told = capsys.readouterr().out.splitlines()
    assert [line for line in told if line.endswith("videos sent")] == ["1 videos sent", "0 videos sent"]
    assert bucket.objects() == objects
    assert len(objects) == 3
    move("another")
    assert storage.lend(storage.source(film.pk)).read_bytes() == b"film"
    assert storage.output_file(film.pk, "film/360.mp4").read_bytes() == b"rendition"


def test_without_a_bucket_nothing_is_sent(owner, capsys):
    a_video(owner)

    call_command("deposit_films")

    assert "0 videos sent" in capsys.readouterr().out
