"""A video that comes in pieces, over as many requests as it takes, until a video is made of it.

The row's offset is the truth: it moves only when the bytes before it are on the disk. What lies in the file behind it
was promised to nobody, and the next piece is written over it.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from api.connections import lent
from api.errors import NotFound
from media_pipeline import queries
from media_pipeline.errors import CutOff, TooLarge, TooManyUploads, UploadGone, WrongChecksum, WrongOffset
from media_pipeline.files import storage
from media_pipeline.models import Upload
from media_pipeline.removal import leftovers

log = structlog.get_logger(__name__)

# What a server that is killed in the middle of a request may lose of it.
SAVED_EVERY_SECONDS: Final = 1.0
_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the client says that the bytes of one request add up to; `algorithm` is hashlib's name."""

    algorithm: str
    digest: bytes


def begin(owner: Any, length_bytes: int, metadata: str, now: datetime) -> Upload:
    """Make an empty upload that will have so many bytes. Raises TooLarge, TooManyUploads."""
    if length_bytes > settings.VIDEO_MAX_BYTES:
        raise TooLarge(f"The video exceeds {settings.VIDEO_MAX_BYTES} bytes.")
    leftovers.tidy_this_machine()
    upload = Upload(
        id=uuid4(),
        owner=owner,
        length_bytes=length_bytes,
        metadata=metadata,
        created_at=now,
        expires_at=_kept_until(now),
    )
    # The file first: a row without its file would be a lie, a file without its row is only litter.
    storage.make_upload(upload.pk)
    try:
        with transaction.atomic():
            queries.lock_uploader(owner.pk)
            _refuse_one_too_many(owner.pk, now)
            upload.save(force_insert=True)
    except BaseException:
        storage.remove_upload(upload.pk)
        raise
    log.info("upload_begun", upload_id=str(upload.pk), bytes=length_bytes)
    return upload


def find(owner_id: UUID, upload_id: UUID | str, now: datetime) -> Upload:
    """Return the owner's upload. Raises NotFound, also for somebody else's, and UploadGone."""
    upload = queries.upload_of(owner_id, upload_id)
    if upload is None:
        raise NotFound
    if upload.used_at is not None:
        raise UploadGone("A video was made of this upload.")
    if upload.expires_at <= now:
        raise UploadGone("This upload has expired. Please begin a new one.")
    return upload


async def append(
    upload: Upload,
    offset_bytes: int,
    pieces: AsyncIterator[bytes],
    *,
    announced_bytes: int | None = None,
    checksum: Checksum | None = None,
) -> Upload:
    """Add the pieces to the upload from `offset_bytes` on, and return it as it stands, on the disk for good.

    Raises UploadBusy while another request adds to it; WrongOffset where it does not end there; TooLarge for more
    than it was to have; CutOff where the pieces break off, and then what came is kept; WrongChecksum, and then nothing
    is. With a checksum nothing is kept before all has come.
    """
    file = await asyncio.to_thread(storage.UploadFile, upload.pk)
    try:
        # Read again behind the lock: whoever had it before may have moved the offset.
        upload = await lent(find)(upload.owner_id, upload.pk, timezone.now())
        _refuse_what_does_not_fit(upload, file.size_bytes, offset_bytes, announced_bytes or 0)
        growth = _Growth(upload, file, checksum)
        try:
            async for piece in pieces:
                await growth.add(piece)
        except CutOff:
            await growth.cut_off()
            raise
        return await growth.finish()
    finally:
        await asyncio.to_thread(file.close)


def end(owner_id: UUID, upload_id: UUID | str, now: datetime) -> None:
    """Remove the upload; a request that still adds to it ends with the next second. Raises as `find` does."""
    upload = find(owner_id, upload_id, now)
    if not _remove(upload.pk):
        raise NotFound
    log.info("upload_ended", upload_id=str(upload.pk))


def erase_some(owner_id: UUID) -> int:
    """Remove some of the user's uploads and return how many, 0 when none is left. Twice: none is counted again."""
    some = queries.unused_uploads(owner_id).values_list("pk", flat=True)[:_AT_ONCE]
    return sum(_remove(upload_id) for upload_id in list(some))


def forget_expired(now: datetime) -> int:
    """Remove the uploads whose time is up and return how many. Twice: none is left.

    One that a request has just added to has time again, and stays.
    """
    forgotten = 0
    for upload_id in list(queries.expired_uploads(now).values_list("pk", flat=True)):
        if queries.expired_uploads(now).filter(pk=upload_id).delete()[0] == 1:
            storage.remove_upload(upload_id)
            forgotten += 1
    return forgotten


class _Growth:
    """What one request adds to an upload, and how much of it is saved."""

    def __init__(self, upload: Upload, file: storage.UploadFile, checksum: Checksum | None) -> None:
        self._upload = upload
        self._file = file
        self._checksum = checksum
        self._hash = hashlib.new(checksum.algorithm, usedforsecurity=False) if checksum else None
        self._end_bytes = upload.offset_bytes
        self._saved_at = time.monotonic()

    async def add(self, piece: bytes) -> None:
        if self._end_bytes + len(piece) > self._upload.length_bytes:
            raise _more_than(self._upload)
        await asyncio.to_thread(self._write, piece)
        self._end_bytes += len(piece)
        # Not the last byte, while more may come: what is too long must not become whole.
        is_last = self._end_bytes == self._upload.length_bytes
        if self._hash is None and not is_last and time.monotonic() - self._saved_at >= SAVED_EVERY_SECONDS:
            await self._save()

    async def cut_off(self) -> None:
        if self._hash is None:
            await self._save()
        log.info("upload_cut_off", upload_id=str(self._upload.pk), offset_bytes=self._upload.offset_bytes)

    async def finish(self) -> Upload:
        if self._checksum and self._hash and self._hash.digest() != self._checksum.digest:
            raise WrongChecksum("The checksum does not match. Nothing of this request was kept.")
        await self._save()
        if self._upload.is_whole:
            log.info("upload_completed", upload_id=str(self._upload.pk), bytes=self._upload.length_bytes)
        return self._upload

    def _write(self, piece: bytes) -> None:
        self._file.write(self._end_bytes, piece)
        if self._hash is not None:
            self._hash.update(piece)

    async def _save(self) -> None:
        if self._end_bytes > self._upload.offset_bytes:
            await asyncio.to_thread(self._file.sync)
            await lent(self._record)()
        self._saved_at = time.monotonic()

    def _record(self) -> None:
        expires_at = _kept_until(timezone.now())
        if not queries.advance(self._upload.pk, self._upload.offset_bytes, self._end_bytes, expires_at):
            raise UploadGone("This upload was ended.")
        self._upload.offset_bytes, self._upload.expires_at = self._end_bytes, expires_at


def _kept_until(now: datetime) -> datetime:
    return now + timedelta(hours=settings.UPLOAD_EXPIRE_HOURS)


def _refuse_one_too_many(owner_id: UUID, now: datetime) -> None:
    open_uploads = queries.open_uploads(owner_id, now)
    if open_uploads.count() < settings.UPLOAD_MAX_OPEN:
        return
    first_end = min(open_uploads.values_list("expires_at", flat=True))
    raise TooManyUploads(
        f"You have {settings.UPLOAD_MAX_OPEN} uploads without a video. Use one, or end one.",
        retry_after=(first_end - now).total_seconds(),
    )


def _refuse_what_does_not_fit(upload: Upload, size_bytes: int, offset_bytes: int, announced: int) -> None:
    if size_bytes < upload.offset_bytes:
        raise UploadGone(storage.LOST)
    if upload.offset_bytes != offset_bytes:
        raise WrongOffset(f"The upload has {upload.offset_bytes} bytes. Continue from this offset.")
    if offset_bytes + announced > upload.length_bytes:
        raise _more_than(upload)


def _more_than(upload: Upload) -> TooLarge:
    return TooLarge(f"The upload exceeds its declared length of {upload.length_bytes} bytes.")


def _remove(upload_id: UUID) -> bool:
    if queries.unused_upload(upload_id).delete()[0] != 1:
        return False
    storage.remove_upload(upload_id)
    return True
