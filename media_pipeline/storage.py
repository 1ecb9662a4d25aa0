"""Gateway to the films' files: one folder a film, below MEDIA_FOLDER.

    <film>/source            what its owner uploaded, under a name of ours
    <film>/work/…            pieces, encoded chunks, sound, grabbed frames; gone once the film is ready
    <film>/output/…          what the owner may fetch; every folder in it arrives whole, by one rename

No other module builds a path. Another store replaces this one: it has to lend local folders to the engine and
to lend `output_file` to the file view.
"""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings

from jobs.errors import Permanent

SOURCE_NAME = "source"
# Folders that are being written bear a name beginning with a dot; nobody may fetch from them.
_HIDDEN = "."


def film_folder(video_id: UUID | str) -> Path:
    """Return the folder of everything that belongs to the film."""
    return Path(settings.MEDIA_FOLDER) / str(UUID(str(video_id)))


def source(video_id: UUID | str) -> Path:
    """Return the path of the uploaded film."""
    return film_folder(video_id) / SOURCE_NAME


def work_folder(video_id: UUID | str, name: str) -> Path:
    """Return the place of an intermediate result; its parent exists afterwards if the film's folder does."""
    return _place(film_folder(video_id) / "work", name)


def output_folder(video_id: UUID | str, name: str) -> Path:
    """Return the place of a group of output files; its parent exists afterwards if the film's folder does."""
    return _place(film_folder(video_id) / "output", name)


def chunk_folder(video_id: UUID | str, number: int) -> Path:
    """Return the place of an encoded chunk."""
    return work_folder(video_id, f"chunk-{number:05}")


def path_below_output(video_id: UUID | str, path: Path) -> str:
    """Return how `path`, a file below the film's output folder, is recorded."""
    return path.relative_to(film_folder(video_id) / "output").as_posix()


def size_bytes(path: Path) -> int:
    """Return the size of a file, or of all files in a folder."""
    if path.is_dir():
        return sum(inner.stat().st_size for inner in path.rglob("*") if inner.is_file())
    return path.stat().st_size


def take_over(upload: Path, video_id: UUID | str) -> str:
    """Make the file `upload` the film's source and return its name: one rename, durable when this returns."""
    folder = film_folder(video_id)
    folder.mkdir(parents=True)
    upload.replace(folder / SOURCE_NAME)
    for directory in (folder, folder.parent):
        _sync_directory(directory)
    return SOURCE_NAME


def output_file(video_id: UUID | str, path: str) -> Path | None:
    """Return the whole output file at `path`, or None where there is none or `path` leads elsewhere."""
    if "\0" in path or any(part.startswith(_HIDDEN) for part in path.split("/")):
        return None
    root = (film_folder(video_id) / "output").resolve()
    found = (root / path).resolve()
    return found if found.is_relative_to(root) and found.is_file() else None


def remove_film(video_id: UUID | str) -> int:
    """Remove every file of the film and return how many there were. Twice: the second time 0.

    The folder first gets another name: from then on nobody finds a file, and a step that still writes into
    it fails instead of filling it again.
    """
    return _remove(film_folder(video_id))


def remove_source(video_id: UUID | str) -> int:
    """Remove the uploaded film and what was cut from it; return how many uploads there were, 0 or 1."""
    upload = source(video_id)
    there = upload.is_file()
    upload.unlink(missing_ok=True)
    remove_work(video_id)
    _remove_empty(film_folder(video_id))
    return int(there)


def remove_work(video_id: UUID | str) -> int:
    """Remove the intermediate results and return how many files there were."""
    return _remove(film_folder(video_id) / "work")


def remove_outputs(video_id: UUID | str) -> int:
    """Remove the output files and return how many there were."""
    removed = _remove(film_folder(video_id) / "output")
    _remove_empty(film_folder(video_id))
    return removed


def films() -> Iterator[tuple[UUID, float]]:
    """Yield the id and the age in seconds of each film folder."""
    for entry in _entries(Path(settings.MEDIA_FOLDER)):
        try:
            video_id = UUID(entry.name)
        except ValueError:
            continue
        yield video_id, _age_seconds(entry)


def sweep(older_than_seconds: float) -> int:
    """Remove unfinished uploads, and hidden folders that a killed process left; return how many."""
    media = Path(settings.MEDIA_FOLDER)
    hidden = [path for depth in (".*", "*/.*", "*/*/.*") for path in media.glob(depth)]
    left = [
        path
        for path in (*_entries(Path(settings.UPLOAD_FOLDER)), *hidden)
        if _age_seconds(path) > older_than_seconds
    ]
    for path in left:
        _delete(path)
    return len(left)


def _place(parent: Path, name: str) -> Path:
    try:
        parent.mkdir(exist_ok=True)
    except FileNotFoundError as error:
        # Only `take_over` makes a film's folder; a step of a removed film must not bring it back.
        raise Permanent("The film's files are gone.") from error
    return parent / name


def _remove(folder: Path) -> int:
    grave = folder.with_name(f"{_HIDDEN}removed-{uuid4()}")
    try:
        folder.replace(grave)
    except FileNotFoundError:
        return 0
    count = sum(1 for path in grave.rglob("*") if path.is_file())
    _delete(grave)
    return count


def _delete(path: Path) -> None:
    # A process that still writes in there may add a file while we remove: the sweep gets the rest.
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # Not empty, or gone.


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _age_seconds(path: Path) -> float:
    """Return the seconds since the newest change at or right below `path`."""
    try:
        changes = [path.lstat().st_mtime, *(inner.lstat().st_mtime for inner in _entries(path))]
    except FileNotFoundError:
        return 0.0
    return time.time() - max(changes)


def _sync_directory(directory: Path) -> None:
    # A rename is on the disk only when its directory is.
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
