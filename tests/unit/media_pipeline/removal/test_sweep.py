"""The sweep: litter goes, what is young or in use stays."""

import os
import time
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings
from django.utils import timezone

from media_pipeline import lifecycle
from media_pipeline.files import storage
from media_pipeline.models import Upload, Video, VideoState
from media_pipeline.removal import sweep
from tests.unit.media_pipeline.builders import (
    a_planned_video,
    a_resumable_upload,
    a_video,
    expired,
    kept_everywhere,
    resumable_file,
)

pytestmark = pytest.mark.django_db

DAY_SECONDS = 24 * 3600


def grow_old(path):
    long_ago = time.time() - 3 * DAY_SECONDS
    for each in [*path.rglob("*"), path] if path.is_dir() else [path]:
        os.utime(each, (long_ago, long_ago))


def test_old_unfinished_uploads_go_and_young_ones_stay():
    old, young = settings.UPLOAD_FOLDER / "film-a.upload", settings.UPLOAD_FOLDER / "film-b.upload"
    old.write_bytes(b"old")
    young.write_bytes(b"young")
    grow_old(old)

    sweep.sweep(timezone.now())

    assert [path.name for path in settings.UPLOAD_FOLDER.iterdir()] == [young.name]


def test_resumable_uploads_go_by_their_rows_and_not_by_their_files_age(owner):
    kept, over = a_resumable_upload(owner, b"kept", 9), expired(a_resumable_upload(owner, b"over", 9))
    rowless = a_resumable_upload(owner, b"rowless", 9)
    just_made = a_resumable_upload(owner, b"its row is not committed yet", 99)
    Upload.objects.filter(pk__in=[rowless.pk, just_made.pk]).delete()
    for upload in (kept, over, rowless):
        grow_old(resumable_file(upload))

    sweep.sweep(timezone.now())

    left = {path.name for path in settings.UPLOAD_FOLDER.iterdir()}
    assert left == {resumable_file(kept).name, resumable_file(just_made).name}
    assert list(Upload.objects.all()) == [kept]


def test_folders_that_a_killed_step_left_go(owner):
    video = a_planned_video(owner)
    left = storage.work_folder(video.pk, ".tmp-encode-1")
    left.mkdir()
    (left / "half.m4s").write_bytes(b"half")
    grow_old(left)

    sweep.sweep(timezone.now())

    assert not left.exists()
    assert storage.source(video.pk).exists()


def test_files_without_a_film_go_and_films_stay(owner):
    orphan, film = settings.MEDIA_FOLDER / str(uuid4()), a_video(owner, VideoState.READY)
    orphan.mkdir()
    (orphan / "source").write_bytes(b"film")
    grow_old(orphan)
    grow_old(storage.film_folder(film.pk))

    sweep.sweep(timezone.now())

    assert [path.name for path in settings.MEDIA_FOLDER.iterdir()] == [str(film.pk)]


def test_objects_without_a_film_go_once_they_are_old_and_films_stay(bucket, owner, move):
    orphan, film = kept_everywhere(a_video(owner)), kept_everywhere(a_video(owner, VideoState.READY))
    orphan_id = orphan.pk
    orphan.delete()
    move("another")

    sweep.remove_orphans()
    young = bucket.objects()
    removed = sweep.remove_orphans(older_than_seconds=-1)

    assert sorted(young) == sorted([f"{orphan_id}/source", f"{film.pk}/source"])
    assert removed == 1
    assert bucket.objects() == [f"{film.pk}/source"]


def test_work_that_the_last_step_left_goes_a_day_after(bucket, owner):
    now = timezone.now()
    finished = {"young": timedelta(hours=1), "old": timedelta(hours=30)}
    films = {name: a_video(owner, VideoState.READY, finished_at=now - age) for name, age in finished.items()}
    for film in films.values():
        storage.work_folder(film.pk, "audio").mkdir()
        (storage.work_folder(film.pk, "audio") / "audio.mp4").write_bytes(b"sound")
        kept_everywhere(film)

    sweep.sweep(now)

    assert {key.partition("/")[0] for key in bucket.objects() if "/work/" in key} == {str(films["young"].pk)}
    assert not (storage.film_folder(films["old"].pk) / "work").exists()
    assert (storage.film_folder(films["young"].pk) / "work").exists()


def test_parts_of_uploads_that_broke_off_go(bucket):
    # moto's uploads were all begun in 2010.
    bucket.client("s3").create_multipart_upload(Bucket=bucket.bucket, Key="a/source")

    sweep.sweep(timezone.now())

    assert not bucket.client("s3").list_multipart_uploads(Bucket=bucket.bucket).get("Uploads")


def test_a_film_that_nothing_works_on_is_ended_so_that_it_can_be_retried(owner):
    long_ago = timezone.now() - timedelta(hours=1)
    stranded = a_video(owner, VideoState.PROCESSING, created_at=long_ago)
    working = a_video(owner, VideoState.PROCESSING, created_at=long_ago)
    lifecycle.start(working)

    sweep.sweep(timezone.now())

    states = dict(Video.objects.values_list("pk", "state"))
    assert states == {stranded.pk: VideoState.FAILED, working.pk: VideoState.PROCESSING}
