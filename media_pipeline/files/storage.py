"""Gateway to the videos' files: one folder a video, below MEDIA_FOLDER.

    <video>/source            what its owner uploaded, under a name of ours
    <video>/work/…            pieces, encoded chunks, sound, grabbed frames; gone once the video is ready
    <video>/output/…          what the owner may fetch; every folder in it arrives whole, by one rename

A resumable upload is one file in UPLOAD_FOLDER until it becomes a video's source, by one rename.

No other module builds a path. Where there is a bucket, MEDIA_FOLDER is this machine's cache of it: `keep` gives others
what was made here, `lend` brings what was made elsewhere (see `keeping`).
"""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from threading import Lock
from uuid import UUID

from django.conf import settings

from api import bucket
from celery_ledger import Permanent
from media_pipeline import queries
from media_pipeline.engine.atomic import sync
from media_pipeline.errors import NoRoom, UploadBusy, UploadGone
from media_pipeline.files import disk, video_folder
from media_pipeline.files.video_folder import GONE, keep, lend

__all__ = ["keep", "lend"]  # besides what is defined here

SOURCE_NAME = "source"
LOST = "The file of this upload is lost. Please upload it again."
_RESUMABLE = "resumable-"
# What Linux's file systems take for one name, and what is left of a path's 4096 bytes below our folders.
MAX_NAME_BYTES = 255
MAX_PATH_BYTES = 2048


def film_folder(video_id: UUID | str) -> Path:
    """Return the folder of everything that belongs to the video."""
    return Path(settings.MEDIA_FOLDER) / str(UUID(str(video_id)))


def source(video_id: UUID | str) -> Path:
    """Return the path of the uploaded video."""
    return film_folder(video_id) / SOURCE_NAME


def work_folder(video_id: UUID | str, name: str) -> Path:
    """Return the place of an intermediate result; its parent exists afterwards if the video's folder does."""
    return _place(video_id, "work", name)


def output_folder(video_id: UUID | str, name: str) -> Path:
    """Return the place of a group of output files; its parent exists afterwards if the video's folder does."""
    return _place(video_id, "output", name)


def chunk_folder(video_id: UUID | str, number: int) -> Path:
    """Return the place of an encoded chunk."""
    return work_folder(video_id, chunk_name(number))


def chunk_name(number: int) -> str:
    """Return the name of an encoded chunk's folder."""
    return f"chunk-{number:05}"


def work_file(video_id: UUID | str, folder: str, name: str) -> Path | None:
    """Return a file of an intermediate result, None where it is not there. Nothing is made by asking."""
    found = lend(film_folder(video_id) / "work" / folder / name)
    return found if found.is_file() else None


def path_below_output(video_id: UUID | str, path: Path) -> str:
    """Return how `path`, a file below the video's output folder, is recorded."""
    return path.relative_to(film_folder(video_id) / "output").as_posix()


def size_bytes(path: Path) -> int:
    """Return the size of a file, or of all files in a folder."""
    if path.is_dir():
        return sum(inner.stat().st_size for inner in path.rglob("*") if inner.is_file())
    return path.stat().st_size


def take_over(upload: Path, video_id: UUID | str) -> str:
    """Make the file `upload` the video's source and return its name: one rename, durable when this returns.

    The bucket has it by then, where there is one. Raises StorageAway, and then the file is where it was.
    """
    video_folder.keep_source(upload, source(video_id))
    folder = film_folder(video_id)
    folder.mkdir(parents=True)
    upload.replace(folder / SOURCE_NAME)
    for directory in (folder, folder.parent):
        sync(directory)
    return SOURCE_NAME


class UploadFile:
    """The file of a resumable upload, open for its one writer.

    The lock is the file's own and ends with the process that holds it, however it ends. Raises UploadBusy while
    another has it, UploadGone where there is no file.
    """

    def __init__(self, upload_id: UUID) -> None:
        try:
            self._file = _upload(upload_id).open("r+b", buffering=0)
        except FileNotFoundError as error:
            raise UploadGone(LOST) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise UploadBusy from error
        # A request that is cancelled leaves its last write behind in a thread: closing waits for it.
        self._at_work = Lock()

    @property
    def size_bytes(self) -> int:
        """Return how many bytes there are."""
        return os.fstat(self._file.fileno()).st_size

    def write(self, offset_bytes: int, piece: bytes) -> None:
        """Write the piece at that place. Raises NoRoom."""
        with self._at_work:
            left = memoryview(piece)
            try:
                while left:
                    written = os.pwrite(self._file.fileno(), left, offset_bytes)
                    left, offset_bytes = left[written:], offset_bytes + written
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                raise NoRoom from error

    def sync(self) -> None:
        """Return once all that was written is on the disk."""
        with self._at_work:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let the next writer in."""
        with self._at_work:
            self._file.close()


def make_upload(upload_id: UUID) -> None:
    """Make the empty file of a resumable upload, there for good when this returns."""
    path = _upload(upload_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(exist_ok=False)
    sync(path.parent)


def upload_head(upload_id: UUID, count: int) -> bytes:
    """Return the first bytes of a resumable upload. Raises UploadGone where there is no file."""
    for find in (_upload, lambda used: lend(source(used))):
        try:
            with find(upload_id).open("rb") as file:
                return file.read(count)
        except FileNotFoundError:
            continue
    raise UploadGone(LOST)


def take_over_upload(upload_id: UUID) -> str:
    """Make the resumable upload the source of the video of the same id and return its name: one rename, durable.

    The bucket has it by then, where there is one. Twice: it is there. Raises UploadGone where it is in neither place,
    and StorageAway, and then it is where it was.
    """
    folder = film_folder(upload_id)
    try:
        video_folder.keep_source(_upload(upload_id), source(upload_id))
        folder.mkdir(parents=True, exist_ok=True)
        _upload(upload_id).replace(folder / SOURCE_NAME)
    except FileNotFoundError as error:
        if not lend(folder / SOURCE_NAME).is_file():
            disk.remove_empty(folder)
            raise UploadGone(LOST) from error
    for directory in (folder, folder.parent):
        sync(directory)
    return SOURCE_NAME


def remove_upload(upload_id: UUID) -> None:
    """Remove the file of a resumable upload. Twice: nothing is there."""
    _upload(upload_id).unlink(missing_ok=True)


def uploads() -> Iterator[tuple[UUID, float]]:
    """Yield the id and the age in seconds of each resumable upload's file."""
    for entry in disk.entries(Path(settings.UPLOAD_FOLDER)):
        upload_id = _upload_id(entry)
        if upload_id is not None:
            yield upload_id, disk.age_seconds(entry)


def output_file(video_id: UUID | str, path: str) -> Path | None:
    """Return the whole output file at `path`, or None where there is none or `path` leads elsewhere."""
    if "\0" in path or _is_too_long(path) or any(part.startswith(disk.HIDDEN) for part in path.split("/")):
        return None
    output = film_folder(video_id) / "output"
    root = output.resolve()
    found = (root / path).resolve()
    if not found.is_relative_to(root):
        return None
    below = found.relative_to(root)
    # A folder is never lent for a request: it may have gigabytes.
    if not found.exists() and len(below.parts) > 1:
        found = lend(output / below)
    return found if found.is_file() else None


def _is_too_long(path: str) -> bool:
    """Return whether no file system has such a path: asking for one is an error, and not a file that is missing."""
    return len(os.fsencode(path)) > MAX_PATH_BYTES or any(
        len(os.fsencode(part)) > MAX_NAME_BYTES for part in path.split("/")
    )


def remove_film(video_id: UUID | str) -> int:
    """Remove every file of the video and return how many there were. Twice: the second time 0.

    The folder first gets another name: from then on nobody finds a file, and a step that still writes into
    it fails instead of filling it again.
    """
    return _remove_everywhere(film_folder(video_id))


def remove_source(video_id: UUID | str) -> int:
    """Remove the uploaded video and what was cut from it; return how many uploads there were, 0 or 1."""
    upload = source(video_id)
    there = upload.is_file()
    upload.unlink(missing_ok=True)
    kept = video_folder.forget(upload)
    remove_work(video_id)
    disk.remove_empty(film_folder(video_id))
    return int(there or kept > 0)


def remove_work(video_id: UUID | str) -> int:
    """Remove the intermediate results and return how many files there were."""
    disk.remove(film_folder(video_id) / video_folder.LENT)
    return _remove_everywhere(film_folder(video_id) / "work")


def remove_outputs(video_id: UUID | str) -> int:
    """Remove the output files and return how many there were."""
    removed = _remove_everywhere(film_folder(video_id) / "output")
    disk.remove(film_folder(video_id) / video_folder.LENT)
    disk.remove_empty(film_folder(video_id))
    return removed


def remove_output(video_id: UUID | str, name: str) -> int:
    """Remove one group of output files and return how many there were. Twice: 0."""
    return _remove_everywhere(film_folder(video_id) / "output" / name)


def end_broken_uploads(before: datetime) -> int:
    """Remove from the bucket what is left of uploads that were begun before then and broke off; return how many."""
    return bucket.end_broken_uploads(before) if bucket.is_used() else 0


def films() -> set[UUID]:
    """Return the videos of which there is any file, here or in the bucket."""
    return {video_id for video_id, _ in films_here()}.union(video_folder.films())


def films_here() -> Iterator[tuple[UUID, float]]:
    """Yield the id and the age in seconds of each video folder on this machine."""
    for entry in disk.entries(Path(settings.MEDIA_FOLDER)):
        try:
            video_id = UUID(entry.name)
        except ValueError:
            continue
        yield video_id, disk.age_seconds(entry)


def film_age_seconds(video_id: UUID) -> float:
    """Return the seconds since the newest change of the video's files, here or in the bucket; 0 where none is left."""
    folder = film_folder(video_id)
    ages = [disk.age_seconds(folder)] if folder.exists() else []
    kept_at = video_folder.changed_at(folder)
    if kept_at is not None:
        ages.append(time.time() - kept_at.timestamp())
    return min(ages, default=0.0)


def sweep(older_than_seconds: float) -> int:
    """Remove uploads that broke off, and hidden folders that a killed process left; return how many.

    Resumable uploads stay: whether one is litter, its row tells.
    """
    media = Path(settings.MEDIA_FOLDER)
    hidden = [path for depth in (".*", "*/.*", "*/*/.*") for path in media.glob(depth)]
    hidden = [
        path for path in hidden if path.name != video_folder.LENT
    ]  # copies, which have a limit of their own
    broken_off = [path for path in disk.entries(Path(settings.UPLOAD_FOLDER)) if _upload_id(path) is None]
    left = [path for path in (*broken_off, *hidden) if disk.age_seconds(path) > older_than_seconds]
    for path in left:
        disk.delete(path)
    return len(left)


def _upload(upload_id: UUID) -> Path:
    return Path(settings.UPLOAD_FOLDER) / f"{_RESUMABLE}{upload_id}"


def _upload_id(path: Path) -> UUID | None:
    try:
        return UUID(path.name.removeprefix(_RESUMABLE)) if path.name.startswith(_RESUMABLE) else None
    except ValueError:
        return None


def _place(video_id: UUID | str, kind: str, name: str) -> Path:
    parent = film_folder(video_id) / kind
    try:
        parent.mkdir(exist_ok=True)
    except FileNotFoundError as error:
        # Only `take_over` makes a video's folder; a step of a removed video must not bring it back. With a bucket the
        # video may have come in at another machine: then its row tells.
        if not bucket.is_used() or not queries.known([UUID(str(video_id))]):
            raise Permanent(GONE) from error
        parent.mkdir(parents=True, exist_ok=True)
    return parent / name


def _remove_everywhere(folder: Path) -> int:
    here = disk.remove(folder)
    kept = video_folder.forget(folder)
    # With a bucket, what is here is a copy of what is there, save what no step has kept yet.
    return max(here, kept)
