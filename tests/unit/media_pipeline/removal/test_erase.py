"""Removal: of one video, of all of a user's."""

import pytest
from django.conf import settings
from django.utils import timezone

from celery_ledger.errors import Transient
from celery_ledger.models import Job
from celery_ledger.states import JobState
from media_pipeline import lifecycle, queries
from media_pipeline.files import storage
from media_pipeline.models import Asset, Upload, Video, VideoState
from media_pipeline.removal import erase
from tests.unit.media_pipeline.builders import (
    a_planned_video,
    a_resumable_upload,
    a_video,
    an_asset,
    kept_everywhere,
)

pytestmark = pytest.mark.django_db


def until_done(eraser, user) -> int:
    total = 0
    while count := eraser(str(user.pk)):
        total += count
    return total


def test_deleting_stops_the_work(owner):
    video = a_video(owner)
    lifecycle.start(video)
    root = Video.objects.get(pk=video.pk).root_job

    erase.delete_video(video.pk)

    states = dict(Job.objects.filter(root_id=root).values_list("name", "state"))
    assert states["media_pipeline.probe"] == JobState.CANCELLED


def test_deleting_twice_is_deleting_once(owner):
    video = a_video(owner)

    erase.delete_video(video.pk)
    erase.delete_video(video.pk)

    assert Job.objects.filter(name="media_pipeline.remove_files").count() == 1


def test_a_step_that_still_writes_does_not_bring_the_film_back(owner):
    video = a_planned_video(owner)
    job = a_running_job(video)
    erase.delete_video(video.pk)
    storage.film_folder(video.pk).mkdir()
    (storage.film_folder(video.pk) / "late").write_bytes(b"late")

    erase.remove_files(str(video.pk), str(video.root_job))
    looks_again = Job.objects.filter(name="media_pipeline.remove_files").count()
    Job.objects.filter(pk=job.pk).update(
        state=JobState.CANCELLED, claim_token=None, lease_until=None, finished_at=timezone.now()
    )
    erase.remove_files(str(video.pk), str(video.root_job))

    assert list(settings.MEDIA_FOLDER.iterdir()) == []
    assert Job.objects.filter(name="media_pipeline.remove_files").count() == looks_again == 2


def test_a_step_cannot_make_a_removed_films_folder(owner):
    video = a_video(owner)
    storage.remove_film(video.pk)

    with pytest.raises(erase.storage.Permanent):
        storage.work_folder(video.pk, "pieces")


def test_a_user_who_leaves_leaves_no_file(owner, stranger):
    mine = [a_video(owner, VideoState.READY) for _ in range(3)]
    for video in mine:
        an_asset(video, "mp4", "360", "film/360.mp4")
        an_asset(video, "poster", "poster.jpg", "images/poster.jpg")
    theirs = a_video(stranger)

    files, assets = until_done(erase.erase_files, owner), until_done(erase.erase_assets, owner)

    assert (files, assets) == (3, 6)
    assert [path.name for path in settings.MEDIA_FOLDER.iterdir()] == [str(theirs.pk)]
    assert not Asset.objects.filter(video__in=mine).exists()


def test_resumable_uploads_of_a_user_who_leaves_count_as_files(owner, stranger):
    for _ in range(3):
        a_resumable_upload(owner, b"half", 8)
    a_video(owner)
    theirs = a_resumable_upload(stranger, b"half", 8)

    assert until_done(erase.erase_files, owner) == 4
    assert until_done(erase.erase_files, owner) == 0

    assert list(Upload.objects.all()) == [theirs]
    assert [path.name for path in settings.UPLOAD_FOLDER.iterdir()] == [f"resumable-{theirs.pk}"]


@pytest.mark.parametrize("eraser", [erase.erase_files, erase.erase_assets])
def test_erasing_twice_counts_once(owner, eraser):
    an_asset(a_video(owner, VideoState.READY), "mp4", "360", "film/360.mp4")

    assert until_done(eraser, owner) == 1
    assert until_done(eraser, owner) == 0


def test_files_that_are_gone_still_count_for_their_row(owner):
    video = a_video(owner, VideoState.READY)
    an_asset(video, "mp4", "360", "film/360.mp4")
    storage.remove_film(video.pk)

    assert until_done(erase.erase_files, owner) == 1
    assert until_done(erase.erase_assets, owner) == 1


def test_erasing_stops_films_under_way_and_clears_their_work(owner):
    video = a_planned_video(owner)
    lifecycle.start(video)
    video.refresh_from_db()
    storage.work_folder(video.pk, "pieces").mkdir()

    until_done(erase.erase_assets, owner)
    until_done(erase.erase_files, owner)

    assert not queries.unfinished_jobs(video.root_job).exists()
    assert not storage.film_folder(video.pk).exists()


def test_a_deleted_film_is_gone_from_the_bucket_and_from_here(bucket, owner):
    video, other = a_video(owner, VideoState.READY), kept_everywhere(a_video(owner))
    an_asset(video, "mp4", "360", "film/360.mp4")
    kept_everywhere(video)

    erase.delete_video(video.pk)
    erase.remove_files(str(video.pk), None)

    assert {key.partition("/")[0] for key in bucket.objects()} == {str(other.pk)}
    assert [path.name for path in settings.MEDIA_FOLDER.iterdir()] == [str(other.pk)]


def test_while_the_bucket_is_away_a_film_can_be_deleted_and_a_job_removes_its_files(bucket, owner):
    video = kept_everywhere(a_video(owner))
    bucket.kill()

    erase.delete_video(video.pk)
    with pytest.raises(Transient):
        erase.remove_files(str(video.pk), None)
    bucket.start()
    before = bucket.objects()
    erase.remove_files(str(video.pk), None)

    assert before != []
    assert bucket.objects() == []
    assert not Video.objects.exists()


def test_a_user_who_leaves_leaves_nothing_in_the_bucket_and_is_counted_rightly(bucket, owner, stranger, move):
    mine = [a_video(owner, VideoState.READY) for _ in range(2)]
    for video in mine:
        an_asset(video, "mp4", "360", "film/360.mp4")
        kept_everywhere(video)
    theirs = kept_everywhere(a_video(stranger))
    move("the worker's machine")

    files, assets = until_done(erase.erase_files, owner), until_done(erase.erase_assets, owner)

    assert (files, assets) == (2, 2)
    assert bucket.objects() == [f"{theirs.pk}/source"]


@pytest.mark.parametrize("is_here", [True, False])
def test_removals_count_files_once_that_are_here_and_in_the_bucket(bucket, owner, move, is_here):
    video = a_video(owner, VideoState.READY)
    an_asset(video, "mp4", "360", "film/360.mp4")
    an_asset(video, "poster", "poster.jpg", "images/poster.jpg")
    kept_everywhere(video)
    if not is_here:
        move("another")

    removals = (storage.remove_outputs, storage.remove_source, storage.remove_film)
    assert [remove(video.pk) for remove in removals] == [2, 1, 0]
    assert bucket.objects() == []


def a_running_job(video: Video) -> Job:
    lifecycle.start(video)
    video.refresh_from_db()
    job = Job.objects.get(pk=video.root_job)
    Job.objects.filter(pk=job.pk).update(
        state=JobState.RUNNING, claim_token=job.pk, lease_until=timezone.now(), started_at=timezone.now()
    )
    return job
