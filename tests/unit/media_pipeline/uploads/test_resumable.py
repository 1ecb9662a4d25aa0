"""Resumable uploads: what is promised is on the disk, one writer at a time, and nothing is kept for ever."""

import asyncio
import hashlib
import os
import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import connection
from django.utils import timezone

from api.errors import NotFound
from media_pipeline.errors import (
    CutOff,
    NoRoom,
    TooLarge,
    TooManyUploads,
    UploadBusy,
    UploadGone,
    WrongChecksum,
    WrongOffset,
)
from media_pipeline.files import storage
from media_pipeline.models import Upload
from media_pipeline.uploads import resumable
from tests.unit.media_pipeline.builders import a_resumable_upload, expired, resumable_file

pytestmark = pytest.mark.django_db

CONTENT = bytes(range(100))


def append(upload, offset, *pieces, **options):
    """Add the pieces; one that is an error is raised in its place."""

    async def come():
        for piece in pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    return async_to_sync(resumable.append)(upload, offset, come(), **options)


def offset_of(upload) -> int:
    return Upload.objects.get(pk=upload.pk).offset_bytes


def sha1(content):
    return resumable.Checksum("sha1", hashlib.sha1(content).digest())  # noqa: S324 - tus asks for it


def test_an_upload_begins_empty_with_its_file(owner):
    upload = resumable.begin(owner, 100, "filename Zmls", timezone.now())

    assert (offset_of(upload), upload.length_bytes, upload.metadata) == (0, 100, "filename Zmls")
    assert resumable_file(upload).read_bytes() == b""


def test_one_larger_than_a_film_may_be_is_refused(owner, settings):
    settings.VIDEO_MAX_BYTES = 100
    resumable.begin(owner, 100, "", timezone.now())

    with pytest.raises(TooLarge, match="100 bytes"):
        resumable.begin(owner, 101, "", timezone.now())

    assert Upload.objects.count() == 1


def test_a_user_has_so_many_at_once_and_no_more(owner, stranger, settings):
    settings.UPLOAD_MAX_OPEN = 2
    now = timezone.now()
    expired(a_resumable_upload(owner, b"old"))
    a_resumable_upload(owner, b"used", used_at=now)
    a_resumable_upload(stranger, b"theirs")
    for _ in range(2):
        resumable.begin(owner, 1, "", now)
    before = set(settings.UPLOAD_FOLDER.iterdir())

    with pytest.raises(TooManyUploads) as refusal:
        resumable.begin(owner, 1, "", now)

    assert refusal.value.retry_after == pytest.approx(24 * 3600, abs=1)
    assert set(settings.UPLOAD_FOLDER.iterdir()) == before


@pytest.mark.django_db(transaction=True)
def test_of_many_that_begin_at_once_no_more_than_that_do(owner, settings):
    settings.UPLOAD_MAX_OPEN = 3
    start, outcomes = threading.Barrier(8), []

    def begin():
        start.wait(10)
        try:
            resumable.begin(owner, 1, "", timezone.now())
            outcomes.append("begun")
        except TooManyUploads:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert sorted(outcomes) == ["begun"] * 3 + ["refused"] * 5


def test_pieces_are_added_where_the_last_ended(owner):
    upload = a_resumable_upload(owner, length=100)

    append(upload, 0, CONTENT[:10], CONTENT[10:30])
    grown = append(upload, 30, CONTENT[30:])

    assert grown.is_whole
    assert offset_of(upload) == 100
    assert resumable_file(upload).read_bytes() == CONTENT


def test_each_piece_gives_it_time_again(owner):
    soon = timezone.now() + timedelta(minutes=1)
    upload = a_resumable_upload(owner, length=100, expires_at=soon)

    append(upload, 0, b"x")

    assert Upload.objects.get(pk=upload.pk).expires_at > soon + timedelta(hours=23)


@pytest.mark.parametrize("offset", [0, 9, 11, 100])
def test_nothing_is_added_anywhere_else(owner, offset):
    upload = a_resumable_upload(owner, CONTENT[:10], 100)

    with pytest.raises(WrongOffset, match="10 bytes"):
        append(upload, offset, b"x")

    assert resumable_file(upload).read_bytes() == CONTENT[:10]


def test_what_another_request_added_meanwhile_is_not_written_over(owner):
    upload = a_resumable_upload(owner, length=100)
    seen_before = Upload.objects.get(pk=upload.pk)
    append(upload, 0, CONTENT[:50])

    with pytest.raises(WrongOffset, match="50 bytes"):
        append(seen_before, 0, b"x" * 50)

    assert resumable_file(upload).read_bytes() == CONTENT[:50]


def test_what_came_before_the_line_broke_is_kept(owner):
    upload = a_resumable_upload(owner, CONTENT[:10], 100)

    with pytest.raises(CutOff):
        append(upload, 10, CONTENT[10:20], CONTENT[20:25], CutOff())

    assert offset_of(upload) == 25
    assert resumable_file(upload).read_bytes()[:25] == CONTENT[:25]


def test_what_was_written_and_not_saved_is_written_over(owner):
    upload = a_resumable_upload(owner, CONTENT[:10], 100)
    with resumable_file(upload).open("ab") as file:
        file.write(b"what a killed server had written and told nobody about")

    append(upload, 10, CONTENT[10:])

    assert resumable_file(upload).read_bytes() == CONTENT


def test_a_long_request_is_saved_on_its_way(owner, monkeypatch):
    monkeypatch.setattr(resumable, "SAVED_EVERY_SECONDS", 0)
    upload, seen = a_resumable_upload(owner, length=100), []

    class Killed(BaseException):
        """A server that ends between two pieces."""

    async def come():
        for start in (0, 10, 20):
            yield CONTENT[start : start + 10]
        seen.append(await Upload.objects.values_list("offset_bytes", flat=True).aget(pk=upload.pk))
        raise Killed

    with pytest.raises(Killed):
        async_to_sync(resumable.append)(upload, 0, come())

    assert seen == [30]


def test_a_request_that_sends_little_is_saved_once(owner, django_assert_max_num_queries):
    upload = a_resumable_upload(owner, length=100)

    with django_assert_max_num_queries(2):  # the look behind the lock, and the save
        append(upload, 0, *(CONTENT[number : number + 1] for number in range(100)))


def test_the_offset_moves_only_when_the_disk_has_it(owner, monkeypatch):
    upload = a_resumable_upload(owner, length=100)

    def fail(descriptor):
        raise OSError("the disk does not take it")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="the disk"):
        append(upload, 0, CONTENT)

    assert offset_of(upload) == 0


def test_a_full_disk_is_said_so_and_costs_nothing_that_was_promised(owner):
    upload = a_resumable_upload(owner, length=100)
    resumable_file(upload).unlink()
    resumable_file(upload).symlink_to("/dev/full")

    with pytest.raises(NoRoom):
        append(upload, 0, CONTENT)

    assert offset_of(upload) == 0


@pytest.mark.parametrize("announced", [91, None])
def test_more_than_it_was_to_have_is_refused_and_not_kept(owner, announced, monkeypatch):
    monkeypatch.setattr(resumable, "SAVED_EVERY_SECONDS", 0)
    upload = a_resumable_upload(owner, CONTENT[:10], 100)

    with pytest.raises(TooLarge, match="100 bytes"):
        append(upload, 10, CONTENT[10:], b"x", announced_bytes=announced)

    assert offset_of(upload) == 10


def test_an_announced_excess_is_refused_before_a_byte_is_read(owner):
    upload = a_resumable_upload(owner, length=100)

    with pytest.raises(TooLarge):
        append(upload, 0, AssertionError("read"), announced_bytes=101)


def test_a_right_checksum_is_the_same_as_none(owner):
    upload = a_resumable_upload(owner, CONTENT[:10], 100)

    append(upload, 10, CONTENT[10:50], CONTENT[50:], checksum=sha1(CONTENT[10:]))

    assert offset_of(upload) == 100
    assert resumable_file(upload).read_bytes() == CONTENT


def test_a_wrong_checksum_keeps_nothing(owner):
    upload = a_resumable_upload(owner, CONTENT[:10], 100)

    with pytest.raises(WrongChecksum):
        append(upload, 10, b"damaged on its way", checksum=sha1(CONTENT[10:28]))
    assert offset_of(upload) == 10
    append(upload, 10, CONTENT[10:28], checksum=sha1(CONTENT[10:28]))

    assert resumable_file(upload).read_bytes() == CONTENT[:28]


def test_half_of_what_a_checksum_is_for_is_not_kept(owner, monkeypatch):
    monkeypatch.setattr(resumable, "SAVED_EVERY_SECONDS", 0)
    upload = a_resumable_upload(owner, length=100)

    with pytest.raises(CutOff):
        append(upload, 0, CONTENT[:40], CONTENT[40:50], CutOff(), checksum=sha1(CONTENT))

    assert offset_of(upload) == 0


def test_two_requests_at_once_are_one_and_a_refusal(owner):
    upload = a_resumable_upload(owner, length=100)

    async def race():
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slow():
            yield CONTENT[:10]
            begun.set()
            await go_on.wait()
            yield CONTENT[10:]

        async def eager():
            yield b"x" * 100

        first = asyncio.create_task(resumable.append(upload, 0, slow()))
        await begun.wait()
        with pytest.raises(UploadBusy):
            await resumable.append(upload, 0, eager())
        go_on.set()
        await first

    async_to_sync(race)()

    assert offset_of(upload) == 100
    assert resumable_file(upload).read_bytes() == CONTENT


def test_an_offset_that_somebody_else_moved_is_not_moved_again(owner):
    """As where a file system knows no locks: the second of two gets nothing recorded."""
    upload = a_resumable_upload(owner, length=100)

    async def come():
        yield CONTENT[:50]
        await Upload.objects.filter(pk=upload.pk).aupdate(offset_bytes=20)

    with pytest.raises(UploadGone):
        async_to_sync(resumable.append)(upload, 0, come())

    assert offset_of(upload) == 20


def test_a_refused_request_lets_the_next_one_in(owner):
    upload = a_resumable_upload(owner, length=100)
    with pytest.raises(CutOff):
        append(upload, 0, CutOff())

    assert append(upload, 0, CONTENT).is_whole


def test_an_upload_that_is_ended_ends_the_request_that_adds_to_it(owner):
    upload = a_resumable_upload(owner, length=100)

    async def come():
        yield CONTENT[:50]
        await Upload.objects.filter(pk=upload.pk).adelete()

    with pytest.raises(UploadGone):
        async_to_sync(resumable.append)(upload, 0, come())


@pytest.mark.parametrize("left", [b"", CONTENT[:9], None])
def test_a_file_that_lost_what_was_promised_is_gone_and_not_filled_up(owner, left):
    upload = a_resumable_upload(owner, CONTENT[:10], 100)
    if left is None:
        resumable_file(upload).unlink()
    else:
        resumable_file(upload).write_bytes(left)

    with pytest.raises(UploadGone, match="lost"):
        append(upload, 10, CONTENT[10:])


def test_only_its_owner_finds_an_upload(owner, stranger):
    upload, now = a_resumable_upload(owner, length=1), timezone.now()

    assert resumable.find(owner.pk, upload.pk, now) == upload
    with pytest.raises(NotFound):
        resumable.find(stranger.pk, upload.pk, now)
    with pytest.raises(NotFound):
        resumable.end(stranger.pk, upload.pk, now)
    with pytest.raises(NotFound):
        resumable.find(owner.pk, uuid4(), now)


def test_what_is_over_is_gone(owner):
    now = timezone.now()

    for upload in (a_resumable_upload(owner, b"x", used_at=now), expired(a_resumable_upload(owner, b"x"))):
        for act in (resumable.find, resumable.end):
            with pytest.raises(UploadGone):
                act(owner.pk, upload.pk, now)


def test_ending_removes_row_and_file(owner):
    upload, now = a_resumable_upload(owner, b"x", 2), timezone.now()

    resumable.end(owner.pk, upload.pk, now)

    assert not Upload.objects.exists()
    assert list(settings.UPLOAD_FOLDER.iterdir()) == []
    with pytest.raises(NotFound):
        resumable.end(owner.pk, upload.pk, now)


def test_what_has_expired_is_forgotten_once(owner):
    old, young = expired(a_resumable_upload(owner, b"old", 9)), a_resumable_upload(owner, b"young", 9)
    used = expired(a_resumable_upload(owner, b"used", used_at=timezone.now()))
    storage.take_over_upload(used.pk)
    now = timezone.now()

    assert resumable.forget_expired(now) == 2
    assert resumable.forget_expired(now) == 0

    assert list(Upload.objects.all()) == [young]
    assert list(settings.UPLOAD_FOLDER.iterdir()) == [resumable_file(young)]
    assert not resumable_file(old).exists()
    assert storage.source(used.pk).read_bytes() == b"used"
