"""The films' part of an account's export."""

import pytest
from django.utils import timezone

from media_pipeline.files import storage
from media_pipeline.removal import export
from tests.unit.media_pipeline.builders import a_resumable_upload, a_video, an_asset, kept_everywhere

pytestmark = pytest.mark.django_db


def test_films_subtitles_and_uploads_are_in_it_and_nobody_elses(owner, stranger):
    video = a_video(owner)
    words = an_asset(video, "subtitles", "en", "subtitles/en.vtt")
    chapters = an_asset(video, "chapters", "chapters.vtt", "chapters/chapters.vtt")
    an_asset(video, "poster", "poster.jpg", "images/poster.jpg")
    half = a_resumable_upload(owner, b"half", 8, metadata="filename Zmls")
    a_resumable_upload(owner, b"used", used_at=timezone.now())
    for theirs in (a_video(stranger), a_resumable_upload(stranger, b"half", 8)):
        assert theirs.owner == stranger

    exported = dict(export.export_films(str(owner.pk)))

    assert [each["id"] for each in exported["videos.json"]] == [video.pk]
    (told,) = exported["uploads.json"]
    assert (told["id"], told["metadata"]) == (half.pk, "filename Zmls")
    assert (told["length_bytes"], told["offset_bytes"]) == (8, 4)
    assert exported[f"videos/{video.pk}/source"] == storage.source(video.pk)
    assert exported[f"videos/{video.pk}/subtitles.en.vtt"] == storage.output_file(video.pk, words.path)
    assert exported[f"videos/{video.pk}/chapters.vtt"] == storage.output_file(video.pk, chapters.path)
    assert told_warnings(exported) == []
    assert len(exported) == 5


def told_warnings(exported) -> list:
    return [warning for each in exported["videos.json"] for warning in each["warnings"]]


def test_what_another_machine_has_is_in_it_too(bucket, owner, move):
    video = a_video(owner)
    an_asset(video, "subtitles", "en", "subtitles/en.vtt", b"WEBVTT")
    an_asset(video, "mp4", "360", "film/360.mp4", b"not in it, and not fetched")
    kept_everywhere(video)
    move("another")

    exported = dict(export.export_films(str(owner.pk)))

    assert exported[f"videos/{video.pk}/source"].read_bytes() == b"film"
    assert exported[f"videos/{video.pk}/subtitles.en.vtt"].read_bytes() == b"WEBVTT"
    assert not list(storage.film_folder(video.pk).rglob("360.mp4"))
