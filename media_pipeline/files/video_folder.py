"""What a video's machines share: kept in the bucket, lent to this machine's MEDIA_FOLDER, which is a cache of it.

    <video>/source                        the upload
    <video>/work/<name>/<attempt>/…       the files of a folder, under a prefix of the attempt's own
    <video>/work/<name>/.listing          which attempt's they are, and their names; written last
    <video>/output/<name>/…               the same

So a folder is there from one moment on, whole, as a rename does it on a disk; of two attempts at it one is seen, never
a mixture. Below MEDIA_FOLDER a folder of that name is whole as well: a single file of it is lent beside it, in
<video>/.lent. Without a bucket nothing here does anything.
"""

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Final, TypedDict
from uuid import UUID, uuid4

from django.conf import settings

from api import bucket
from celery_ledger import Permanent
from media_pipeline import queries
from media_pipeline.engine.atomic import building, sync

GONE: Final = "The video's files are gone."
LENT: Final = ".lent"
_LISTING: Final = ".listing"
_DRAFT: Final = ".tmp-"
# How many names lie above a folder that is whole or not there: video, then work or output, then its own.
_DEPTH: Final = 3


class Listing(TypedDict):
    """What a folder's listing says: where its files are, and when each was changed, by its path in the folder.

    Every copy gets that time, in nanoseconds: a player that goes on at another machine finds the ETag it knows.
    """

    prefix: str
    files: dict[str, int]


def keep(path: Path) -> None:
    """Let every machine find the whole folder at `path`. Twice: it is there, and nothing is sent.

    Raises Permanent where the video was removed meanwhile: what was sent is then removed as well.
    """
    if not bucket.is_used() or is_kept(path):
        return
    prefix = f"{_key(path)}/{uuid4().hex}"
    try:
        found = {inner.relative_to(path).as_posix(): inner for inner in path.rglob("*") if inner.is_file()}
        path.stat()  # raises where it went away meanwhile: then this may be half of it, or nothing
        bucket.put_all((f"{prefix}/{name}", inner) for name, inner in found.items())
        times = {name: inner.stat().st_mtime_ns for name, inner in found.items()}
        listing: Listing = {"prefix": prefix, "files": times}
        bucket.put_bytes(_listing_key(path), json.dumps(listing).encode())
    except FileNotFoundError as error:
        # Taken away under our hands: that is how a video is removed.
        _refuse_what_was_removed(path, error)
        raise
    # Asked last: whoever removes a video removes its row first, and then all objects that are there.
    _refuse_what_was_removed(path)


def keep_source(upload: Path, source: Path) -> None:
    """Let every machine find the file `upload` as the video's source. Twice: the same object."""
    if bucket.is_used():
        bucket.put(_key(source), upload)


def lend(path: Path) -> Path:
    """Return where the file or folder is on this machine, brought from the bucket where need be.

    What is in neither place is still not there afterwards, at `path`. Twice, also at once: the same.
    """
    if not bucket.is_used() or path.exists():
        return path
    try:
        return _fetched(path)
    except FileNotFoundError:
        return path


def is_kept(path: Path) -> bool:
    """Say whether the bucket has the source or the folder at `path`."""
    return bucket.has(_key(path) if _depth(path) < _DEPTH else _listing_key(path))


def forget(path: Path) -> int:
    """Remove what the bucket has of the video, the folder or the file; return how many files. Twice: 0."""
    if not bucket.is_used():
        return 0
    key = _key(path)
    found = [each for each, _ in bucket.keys(key) if each == key or each.startswith(f"{key}/")]
    # In the order of S3, where a listing comes before its files: what is half removed cannot be lent.
    bucket.remove(found)
    return sum(PurePosixPath(each).name != _LISTING for each in found)


def films() -> Iterator[UUID]:
    """Yield the videos that the bucket has something of."""
    for name in bucket.folders() if bucket.is_used() else ():
        try:
            yield UUID(name)
        except ValueError:
            continue


def changed_at(path: Path) -> datetime | None:
    """Return when the bucket got the newest of what it has below `path`, None for nothing."""
    if not bucket.is_used():
        return None
    return max((at for _, at in bucket.keys(f"{_key(path)}/")), default=None)


def _refuse_what_was_removed(path: Path, error: Exception | None = None) -> None:
    film = path.relative_to(settings.MEDIA_FOLDER).parts[0]
    if queries.known([UUID(film)]):
        return
    forget(path)
    raise Permanent(GONE) from error


def _fetched(path: Path) -> Path:
    if _depth(path) < _DEPTH:
        return _file(_key(path), path)
    folder = _film_folder(path).joinpath(*_parts(path)[1:_DEPTH])
    if folder == path:
        return _folder(path)
    listing = _listing(folder)
    name = path.relative_to(folder).as_posix()
    if name not in listing["files"]:
        raise FileNotFoundError(name)
    return _file(f"{listing['prefix']}/{name}", _lent_place(path), listing["files"][name])


def _folder(path: Path) -> Path:
    listing: Listing = json.loads(bucket.read(_listing_key(path)))
    with building(path) as draft:
        files = [(f"{listing['prefix']}/{name}", draft / name) for name in listing["files"]]
        for _, place in files:
            place.parent.mkdir(parents=True, exist_ok=True)
        bucket.fetch_all(files)
        for (_, place), changed_ns in zip(files, listing["files"].values(), strict=True):
            os.utime(place, ns=(changed_ns, changed_ns))
    return path


def _listing(folder: Path) -> Listing:
    place = _file(_listing_key(folder), _lent_place(folder / _LISTING))
    listing: Listing = json.loads(place.read_bytes())
    return listing


def _file(key: str, place: Path, changed_ns: int | None = None) -> Path:
    if place.exists():
        return place
    # Outside the video's folder: asking for what is nowhere must not make one.
    draft = Path(settings.MEDIA_FOLDER) / f"{_DRAFT}{uuid4().hex}"
    draft.parent.mkdir(parents=True, exist_ok=True)
    try:
        bucket.fetch_all([(key, draft)])
        sync(draft)  # a copy that a power cut emptied would be taken for the video
        if changed_ns is not None:
            os.utime(draft, ns=(changed_ns, changed_ns))
        place.parent.mkdir(parents=True, exist_ok=True)
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)
    return place


def _lent_place(path: Path) -> Path:
    # Keeps the file's own name, which may say what it is.
    return _film_folder(path) / LENT / "~".join(_parts(path)[1:-1]) / path.name


def _film_folder(path: Path) -> Path:
    return Path(settings.MEDIA_FOLDER) / _parts(path)[0]


def _listing_key(folder: Path) -> str:
    return f"{_key(folder)}/{_LISTING}"


def _key(path: Path) -> str:
    return path.relative_to(settings.MEDIA_FOLDER).as_posix()


def _parts(path: Path) -> tuple[str, ...]:
    return path.relative_to(settings.MEDIA_FOLDER).parts


def _depth(path: Path) -> int:
    return len(_parts(path))
