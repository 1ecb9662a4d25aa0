"""Accepting uploads: row, steps, job and file together, or nothing."""

import pytest
from django.conf import settings
from django.db import transaction

from accounts.models import Project
from jobs.models import Job
from media_pipeline import storage, uploads
from media_pipeline.errors import UnknownProject, UnusableUpload
from media_pipeline.models import StepName, Video, VideoState
from tests.unit.media_pipeline.builders import an_upload

pytestmark = pytest.mark.django_db


def litter() -> list[str]:
    found = [*settings.UPLOAD_FOLDER.rglob("*"), *settings.MEDIA_FOLDER.rglob("*")]
    return [path.name for path in found]


def test_a_film_is_kept_with_its_steps_and_its_first_job(owner):
    video = uploads.accept(owner, an_upload(b"\x00film"), "Title", None)

    assert video.state == VideoState.QUEUED
    assert set(video.steps.values_list("name", flat=True)) == set(StepName)
    assert list(Job.objects.values_list("name", "args")) == [("media_pipeline.probe", [str(video.pk)])]
    assert storage.source(video.pk).read_bytes() == b"\x00film"


def test_the_file_is_renamed_not_copied(owner):
    file = an_upload()
    inode = file.file.fileno() and settings.UPLOAD_FOLDER.joinpath(file.temporary_file_path()).stat().st_ino

    video = uploads.accept(owner, file, "", None)

    assert storage.source(video.pk).stat().st_ino == inode
    assert list(settings.UPLOAD_FOLDER.iterdir()) == []


def test_the_clients_file_name_is_a_title_and_never_a_path(owner):
    video = uploads.accept(owner, an_upload(name="../../evil\x00.m3u8"), "", None)

    assert video.title == "evil"
    assert [path.name for path in storage.film_folder(video.pk).iterdir()] == ["source"]


@pytest.mark.parametrize("content", [b"", b"just some words\n", b"%PDF-1.7\n\x00"])
def test_what_is_surely_no_film_is_refused_and_leaves_nothing(owner, content):
    file = an_upload(content)

    with pytest.raises(UnusableUpload) as refusal:
        uploads.accept(owner, file, "", None)

    file.close()
    assert (refusal.value.status, refusal.value.field) == (400, "file")
    assert litter() == []
    assert not Video.objects.exists()


def test_a_project_has_to_be_the_owners(owner, stranger):
    project = Project.objects.create(owner=stranger, name="Theirs")

    with pytest.raises(UnknownProject):
        uploads.accept(owner, an_upload(), "", project.pk)


def test_rows_that_do_not_come_to_be_leave_no_file(owner, monkeypatch):
    def refuse(video):
        raise RuntimeError("the database is full")

    monkeypatch.setattr(uploads.lifecycle, "start", refuse)
    file = an_upload()

    with pytest.raises(RuntimeError):
        uploads.accept(owner, file, "", None)

    file.close()
    assert litter() == []
    assert not Video.objects.exists()


def test_a_transaction_rolled_back_around_it_leaves_no_job(owner):
    def accept_and_fail():
        with transaction.atomic():
            uploads.accept(owner, an_upload(), "", None)
            raise RuntimeError("later")

    with pytest.raises(RuntimeError):
        accept_and_fail()

    assert not Video.objects.exists()
    assert not Job.objects.exists()
