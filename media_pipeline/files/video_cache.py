"""This machine's files of videos, apart from what the bucket has of them."""

from pathlib import Path
from uuid import UUID

from django.conf import settings

from api import bucket
from media_pipeline.files import disk, storage, video_folder


def are_copies() -> bool:
    """Say whether each machine has copies of its own, for there is a bucket."""
    return bucket.is_used()


def is_time_to_tidy(every_seconds: float) -> bool:
    """Say whether nobody has tidied this machine's folders for so long, and note that somebody does now."""
    note = Path(settings.MEDIA_FOLDER) / f"{disk.HIDDEN}tidied"
    if note.exists() and disk.age_seconds(note) < every_seconds:
        return False
    note.parent.mkdir(parents=True, exist_ok=True)
    note.touch()
    return True


def drop_film(video_id: UUID) -> None:
    """Remove this machine's files of the video; what the bucket has stays."""
    disk.remove(storage.film_folder(video_id))


def drop_work(video_id: UUID) -> None:
    """Remove this machine's intermediate results of the video; what the bucket has stays."""
    disk.remove(storage.film_folder(video_id) / "work")


def drop_what_is_kept(video_id: UUID) -> None:
    """Remove of this machine's files of the video those that the bucket has too."""
    folder = storage.film_folder(video_id)
    disk.remove(folder / video_folder.LENT)
    for path in _whole(video_id):
        if video_folder.is_kept(path):
            disk.remove(path)
    for place in (folder / "work", folder / "output", folder):
        disk.remove_empty(place)


def keep_all(video_id: UUID) -> int:
    """Let every machine find what is here of the video; return how many files and folders were sent. Twice: 0."""
    missing = [path for path in _whole(video_id) if not video_folder.is_kept(path)] if are_copies() else []
    for path in missing:
        if path.is_dir():
            video_folder.keep(path)
        else:
            video_folder.keep_source(path, path)
    return len(missing)


def _whole(video_id: UUID) -> list[Path]:
    """Return what is whole or not there, of what is here: the source, and the folders of work and output."""
    folder = storage.film_folder(video_id)
    found = (storage.source(video_id), *disk.entries(folder / "work"), *disk.entries(folder / "output"))
    return [path for path in found if path.exists() and not path.name.startswith(disk.HIDDEN)]
