"""Accepting uploads: row, steps, job and file together, or nothing."""

import threading
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Project
from celery_ledger.models import Job
from media_pipeline.errors import UnknownProject, UnknownUpload, UnusableUpload, UploadGone, WrongUpload
from media_pipeline.files import storage
from media_pipeline.models import StepName, Upload, Video, VideoState
from media_pipeline.uploads import acceptance
from tests.unit.media_pipeline.builders import a_resumable_upload, an_upload, expired, resumable_file

pytestmark = pytest.mark.django_db

FILM = b"\x00\x00\x00\x18ftypisom" + b"\x00" * 64


def litter() -> list[str]:
    found = [*settings.UPLOAD_FOLDER.rglob("*"), *settings.MEDIA_FOLDER.rglob("*")]
    return [path.name for path in found]


def test_a_film_is_kept_with_its_steps_and_its_first_job(owner):
    video = acceptance.accept(owner, an_upload(b"\x00film"), "Title", None)

    assert video.state == VideoState.QUEUED
    assert set(video.steps.values_list("name", flat=True)) == set(StepName)
    assert list(Job.objects.values_list("name", "args")) == [("media_pipeline.probe", [str(video.pk)])]
    assert storage.source(video.pk).read_bytes() == b"\x00film"


def test_the_file_is_renamed_not_copied(owner):
    file = an_upload()
    inode = file.file.fileno() and settings.UPLOAD_FOLDER.joinpath(file.temporary_file_path()).stat().st_ino

    video = acceptance.accept(owner, file, "", None)

    assert storage.source(video.pk).stat().st_ino == inode
    assert list(settings.UPLOAD_FOLDER.iterdir()) == []


def test_the_clients_file_name_is_a_title_and_never_a_path(owner):
    video = acceptance.accept(owner, an_upload(name="../../evil\x00.m3u8"), "", None)

    assert video.title == "evil"
    assert [path.name for path in storage.film_folder(video.pk).iterdir()] == ["source"]


@pytest.mark.parametrize("content", [b"", b"just some words\n", b"%PDF-1.7\n\x00"])
def test_what_is_surely_no_film_is_refused_and_leaves_nothing(owner, content):
    file = an_upload(content)

    with pytest.raises(UnusableUpload) as refusal:
        acceptance.accept(owner, file, "", None)

    file.close()
    assert (refusal.value.status, refusal.value.field) == (400, "file")
    assert litter() == []
    assert not Video.objects.exists()


def test_a_project_has_to_be_the_owners(owner, stranger):
    project = Project.objects.create(owner=stranger, name="Theirs")

    with pytest.raises(UnknownProject):
        acceptance.accept(owner, an_upload(), "", project.pk)


def test_rows_that_do_not_come_to_be_leave_no_file(owner, monkeypatch):
    def refuse(video):
        raise RuntimeError("the database is full")

    monkeypatch.setattr(acceptance.lifecycle, "start", refuse)
    file = an_upload()

    with pytest.raises(RuntimeError):
        acceptance.accept(owner, file, "", None)

    file.close()
    assert litter() == []
    assert not Video.objects.exists()


def test_a_transaction_rolled_back_around_it_leaves_no_job(owner):
    def accept_and_fail():
        with transaction.atomic():
            acceptance.accept(owner, an_upload(), "", None)
            raise RuntimeError("later")

    with pytest.raises(RuntimeError):
        accept_and_fail()

    assert not Video.objects.exists()
    assert not Job.objects.exists()


def accept_resumed(owner, upload_id, title="", project_id=None):
    return acceptance.accept_resumed(owner, upload_id, title, project_id, timezone.now())


def test_a_film_of_a_resumable_upload_is_kept_with_its_steps_and_its_first_job(owner):
    upload = a_resumable_upload(owner, FILM, metadata="filename Li4vYSBjbGlwLm1wNA==")
    inode = resumable_file(upload).stat().st_ino

    video = accept_resumed(owner, upload.pk)

    assert (video.pk, video.state, video.title) == (upload.pk, VideoState.QUEUED, "a clip")
    assert set(video.steps.values_list("name", flat=True)) == set(StepName)
    assert list(Job.objects.values_list("name", "args")) == [("media_pipeline.probe", [str(video.pk)])]
    assert storage.source(video.pk).read_bytes() == FILM
    assert storage.source(video.pk).stat().st_ino == inode
    assert list(settings.UPLOAD_FOLDER.iterdir()) == []


def test_one_upload_makes_one_film(owner):
    upload = a_resumable_upload(owner, FILM)
    accept_resumed(owner, upload.pk)

    with pytest.raises(WrongUpload, match="already"):
        accept_resumed(owner, upload.pk)

    assert Video.objects.count() == Job.objects.count() == 1


def test_a_deleted_film_does_not_free_its_upload(owner):
    upload = a_resumable_upload(owner, FILM)
    video = accept_resumed(owner, upload.pk)
    video.delete()
    storage.remove_film(upload.pk)

    with pytest.raises(WrongUpload, match="already"):
        accept_resumed(owner, upload.pk)


@pytest.mark.django_db(transaction=True)
def test_of_several_at_once_one_makes_the_film(owner):
    upload = a_resumable_upload(owner, FILM)
    start, outcomes = threading.Barrier(4), []

    def accept():
        start.wait(10)
        try:
            accept_resumed(owner, upload.pk)
            outcomes.append("made")
        except WrongUpload:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=accept) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert sorted(outcomes) == ["made", "refused", "refused", "refused"]
    assert Video.objects.count() == Job.objects.count() == 1
    assert storage.source(upload.pk).read_bytes() == FILM


def test_an_upload_has_to_be_whole(owner):
    upload = a_resumable_upload(owner, FILM, length=len(FILM) + 1)

    with pytest.raises(WrongUpload, match=f"{len(FILM)} of the upload's {len(FILM) + 1} bytes"):
        accept_resumed(owner, upload.pk)

    assert resumable_file(upload).exists()


def test_an_upload_has_to_be_the_owners_and_in_time(owner, stranger):
    theirs, old = a_resumable_upload(stranger, FILM), expired(a_resumable_upload(owner, FILM))

    for upload_id in (theirs.pk, old.pk, uuid4()):
        with pytest.raises(UnknownUpload):
            accept_resumed(owner, upload_id)

    assert not Video.objects.exists()


@pytest.mark.parametrize("content", [b"", b"just some words\n"])
def test_a_resumable_upload_that_is_surely_no_film_is_refused_and_stays(owner, content):
    upload = a_resumable_upload(owner, content)

    with pytest.raises(UnusableUpload) as refusal:
        accept_resumed(owner, upload.pk)

    assert refusal.value.field == "upload"
    assert resumable_file(upload).exists()
    assert not Video.objects.exists()


def test_an_upload_whose_file_is_lost_says_so(owner):
    upload = a_resumable_upload(owner, FILM)
    resumable_file(upload).unlink()

    with pytest.raises(UploadGone, match="lost"):
        accept_resumed(owner, upload.pk)


def test_an_upload_of_a_rolled_back_film_makes_one_the_next_time(owner):
    upload = a_resumable_upload(owner, FILM)

    def accept_and_fail():
        with transaction.atomic():
            accept_resumed(owner, upload.pk)
            raise RuntimeError("later")

    with pytest.raises(RuntimeError):
        accept_and_fail()
    assert not Job.objects.exists()
    video = accept_resumed(owner, upload.pk)

    assert storage.source(video.pk).read_bytes() == FILM
    assert Upload.objects.get(pk=upload.pk).used_at is not None
