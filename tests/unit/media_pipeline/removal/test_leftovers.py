"""A machine's own disk, which no job of another machine can reach."""

import os
import time

import pytest
from django.conf import settings

from media_pipeline.files import storage
from media_pipeline.models import Upload, Video, VideoState
from media_pipeline.removal import leftovers
from tests.unit.media_pipeline.builders import (
    a_resumable_upload,
    a_video,
    an_asset,
    kept_everywhere,
    resumable_file,
)

pytestmark = pytest.mark.django_db

HOUR_SECONDS = 3600


def grow_old(path, hours=26):
    long_ago = time.time() - hours * HOUR_SECONDS
    for each in [*path.rglob("*"), path] if path.is_dir() else [path]:
        os.utime(each, (long_ago, long_ago))


def a_ready_film(owner):
    film = a_video(owner, VideoState.READY)
    an_asset(film, "mp4", "360", "film/360.mp4")
    return film


def test_a_film_that_was_removed_elsewhere_goes_here_too(bucket, owner):
    removed, taken_over_now, known = (a_video(owner) for _ in range(3))
    grow_old(storage.film_folder(removed.pk), hours=2)
    grow_old(storage.film_folder(known.pk), hours=2)
    Video.objects.filter(pk__in=[removed.pk, taken_over_now.pk]).delete()

    leftovers.tidy_this_machine()

    left = {path.name for path in settings.MEDIA_FOLDER.iterdir() if not path.name.startswith(".")}
    assert left == {str(taken_over_now.pk), str(known.pk)}


def test_copies_go_once_they_are_old_and_can_be_had_again(bucket, owner):
    old, young = kept_everywhere(a_ready_film(owner)), kept_everywhere(a_ready_film(owner))
    grow_old(storage.film_folder(old.pk))

    leftovers.tidy_this_machine()

    assert not storage.film_folder(old.pk).exists()
    assert storage.source(young.pk).exists()
    assert storage.output_file(old.pk, "film/360.mp4").read_bytes() == b"content"


def test_a_file_that_was_lent_stays_as_long_as_copies_do(bucket, owner, move, settings):
    film = kept_everywhere(a_ready_film(owner))
    move("another")
    settings.STORAGE_CACHE_HOURS = 100
    lent = storage.output_file(film.pk, "film/360.mp4")
    grow_old(storage.film_folder(film.pk))

    leftovers.tidy_this_machine()
    before = lent.exists()
    settings.STORAGE_CACHE_HOURS = 24
    grow_old(settings.MEDIA_FOLDER / ".tidied", hours=1)
    leftovers.tidy_this_machine()

    assert before
    assert not storage.film_folder(film.pk).exists()


def test_what_the_bucket_does_not_have_is_never_taken_for_a_copy(bucket, owner):
    """As on the day on which an installation is given a bucket."""
    film = a_ready_film(owner)
    grow_old(storage.film_folder(film.pk))

    leftovers.tidy_this_machine()

    assert storage.source(film.pk).exists()
    assert storage.output_file(film.pk, "film/360.mp4") is not None


def test_the_work_of_a_film_that_got_ready_elsewhere_goes(bucket, owner):
    film, under_way = a_ready_film(owner), a_video(owner, VideoState.PROCESSING)
    for each in (film, under_way):
        storage.work_folder(each.pk, "pieces").mkdir()
        grow_old(storage.film_folder(each.pk), hours=2)

    leftovers.tidy_this_machine()

    assert not (storage.film_folder(film.pk) / "work").exists()
    assert (storage.film_folder(under_way.pk) / "work").exists()


def test_uploads_that_were_forgotten_elsewhere_go(bucket, owner):
    forgotten, kept = a_resumable_upload(owner, b"half", 9), a_resumable_upload(owner, b"half", 9)
    Upload.objects.filter(pk=forgotten.pk).delete()
    for upload in (forgotten, kept):
        grow_old(resumable_file(upload))

    leftovers.tidy_this_machine()

    assert not resumable_file(forgotten).exists()
    assert resumable_file(kept).exists()


def test_a_machine_looks_now_and_then_and_not_at_each_step(bucket, owner):
    leftovers.tidy_this_machine()
    path = storage.film_folder(a_video(owner).pk)
    Video.objects.all().delete()
    grow_old(path)

    leftovers.tidy_this_machine()
    soon = path.exists()
    grow_old(settings.MEDIA_FOLDER / ".tidied", hours=1)
    leftovers.tidy_this_machine()

    assert soon
    assert not path.exists()


def test_without_a_bucket_the_sweep_alone_decides(owner):
    film = a_video(owner)
    grow_old(storage.film_folder(film.pk))
    Video.objects.all().delete()

    leftovers.tidy_this_machine()

    assert storage.source(film.pk).exists()
