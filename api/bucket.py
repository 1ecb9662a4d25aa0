"""Gateway to the bucket that machines share. Where STORAGE_URL names none, files stay in OFFSTAGE_DATA.

An object is whole or not there: it appears with the last byte of its upload. Every function may raise StorageAway
where the bucket does not answer, and BucketRefuses where it will not have us, which waits for an operator.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Any, Final

from django.core.files.storage import FileSystemStorage, storages

from api.errors import BucketRefuses, StorageAway
from celery_ledger import checkpoint

# Small files spend their time on the way there and back: so many travel side by side.
_AT_ONCE: Final = 8
# As many as S3 deletes by one request. Source: S3 API reference, DeleteObjects.
_DELETED_AT_ONCE: Final = 1000
_ABSENT: Final = frozenset({"404", "NoSuchKey"})
# What S3 asks clients to try again, whatever the status it comes with. Source: S3 API reference, Error responses.
_TRY_AGAIN: Final = frozenset(
    {"RequestTimeout", "SlowDown", "ServiceUnavailable", "InternalError", "Throttling"}
)


def is_used() -> bool:
    """Say whether there is a bucket."""
    return not isinstance(storages["default"], FileSystemStorage)


def put(key: str, path: Path) -> None:
    """Store the file. Twice: the same object."""
    put_all([(key, path)])


def put_all(files: Iterable[tuple[str, Path]]) -> None:
    """Store files under their keys, several at once; a job that should stop stops between two."""
    send, options = _client().upload_file, {"Bucket": _name(), "Config": _storage().transfer_config}
    _side_by_side(lambda key, path: send(Filename=str(path), Key=key, **options), files)


def put_bytes(key: str, content: bytes) -> None:
    """Store the bytes. Twice: the same object."""
    with _asking():
        _client().put_object(Bucket=_name(), Key=key, Body=content)


def read(key: str) -> bytes:
    """Return a small object. Raises FileNotFoundError where there is none."""
    with _asking():
        content: bytes = _client().get_object(Bucket=_name(), Key=key)["Body"].read()
    return content


def fetch_all(files: Iterable[tuple[str, Path]]) -> None:
    """Write the objects into files, several at once. Raises FileNotFoundError where one is not there."""
    get, options = _client().download_file, {"Bucket": _name(), "Config": _storage().transfer_config}
    _side_by_side(lambda key, path: get(Filename=str(path), Key=key, **options), files)


def has(key: str) -> bool:
    """Say whether there is an object under the key."""
    try:
        with _asking():
            _client().head_object(Bucket=_name(), Key=key)
    except FileNotFoundError:
        return False
    return True


def keys(prefix: str) -> Iterator[tuple[str, datetime]]:
    """Yield all keys that begin so, and when each was written."""
    for page in _pages(Prefix=prefix):
        yield from ((found["Key"], found["LastModified"]) for found in page.get("Contents", []))


def folders() -> Iterator[str]:
    """Yield the first part of all keys of more than one, each once."""
    for page in _pages(Delimiter="/"):
        yield from (found["Prefix"].rstrip("/") for found in page.get("CommonPrefixes", []))


def remove(found: Iterable[str]) -> None:
    """Remove the objects. Twice: what is not there is no error."""
    left = iter(found)
    while batch := [{"Key": key} for key in islice(left, _DELETED_AT_ONCE)]:
        wanted = {"Objects": batch, "Quiet": True}
        with _asking():
            refused = _client().delete_objects(Bucket=_name(), Delete=wanted).get("Errors", [])
        if refused:
            raise BucketRefuses(f"{refused[0].get('Code')} (DeleteObjects)")


def end_broken_uploads(before: datetime) -> int:
    """Remove the parts of uploads that were begun before then and never ended; return how many uploads.

    A process that was killed leaves them: no listing shows them, and they are paid for.
    """
    client, ended = _client(), 0
    with _asking():
        for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=_name()):
            for upload in page.get("Uploads", []):
                if upload["Initiated"] < before:
                    client.abort_multipart_upload(
                        Bucket=_name(), Key=upload["Key"], UploadId=upload["UploadId"]
                    )
                    ended += 1
    return ended


def _storage() -> Any:
    # What Django types as any storage is the one of django-storages here, with its client and settings.
    return storages["default"]


def _client() -> Any:
    return _client_of(_storage(), os.getpid())


@lru_cache(maxsize=1)
def _client_of(storage: Any, _process_id: int) -> Any:
    # django-storages makes one for each thread, and the web has a thread for each request: 60 to 400 ms were measured.
    # All threads of a process may use one; a process that was forked may not use its parent's connections.
    return storage.connection.meta.client


def _name() -> str:
    return str(_storage().bucket_name)


def _pages(**which: str) -> Iterator[dict[str, Any]]:
    pages = iter(_client().get_paginator("list_objects_v2").paginate(Bucket=_name(), **which))
    while True:
        with _asking():
            page = next(pages, None)
        if page is None:
            return
        yield page


def _side_by_side(move: Callable[[str, Path], None], files: Iterable[tuple[str, Path]]) -> None:
    with _asking(), ThreadPoolExecutor(_AT_ONCE) as pool:
        for moved in [pool.submit(move, key, path) for key, path in files]:
            try:
                moved.result()
                checkpoint()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


@contextmanager
def _asking() -> Iterator[None]:
    # Imported only where there is a bucket: all others have no use for boto3.
    from boto3.exceptions import Boto3Error  # type: ignore[import-untyped]  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        raise _meaning(error.response) from error
    except Boto3Error as error:
        # boto3 tells what the bucket said in words only; the error that it was made of has it in fields.
        response = getattr(error.__context__, "response", None)
        raise (_meaning(response) if response else StorageAway()) from error
    except BotoCoreError as error:
        raise _meaning_of_no_answer(error) from error


def _meaning(response: dict[str, Any]) -> Exception:
    """Return what an answer of the bucket means for us."""
    code = str(response.get("Error", {}).get("Code"))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _ABSENT:
        return FileNotFoundError(code)
    if (
        code in _TRY_AGAIN
        or status == HTTPStatus.TOO_MANY_REQUESTS
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    ):
        return StorageAway()
    return BucketRefuses(code)


def _meaning_of_no_answer(error: Exception) -> Exception:
    from botocore import exceptions  # type: ignore[import-untyped]  # noqa: PLC0415

    network = (
        exceptions.ConnectionError,
        exceptions.HTTPClientError,
        exceptions.IncompleteReadError,
        exceptions.ResponseStreamingError,
    )
    # The kind of error alone: its text may hold a URL with a key in it.
    return StorageAway() if isinstance(error, network) else BucketRefuses(type(error).__name__)
