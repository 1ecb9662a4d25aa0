"""The reports' folder, or their part of the bucket where there is one: the only module that writes there."""

import os
import tempfile
from pathlib import Path
from uuid import UUID

from django.conf import settings

from api import bucket


def write(report_id: UUID | str, name: str, content: bytes) -> str:
    """Write a file of the report and return its name; nobody ever sees half of it. Twice: the same file."""
    if bucket.is_used():
        bucket.put_bytes(_key(report_id, name), content)
        return name
    path = _path(report_id, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)
    return name


def read(report_id: UUID | str, name: str) -> bytes | None:
    """Return a file of the report, at most some hundred kB; None where it is gone."""
    try:
        return _path(report_id, name).read_bytes()
    except FileNotFoundError:
        return _read_from_bucket(report_id, name) if bucket.is_used() else None


def _read_from_bucket(report_id: UUID | str, name: str) -> bytes | None:
    try:
        return bucket.read(_key(report_id, name))
    except FileNotFoundError:
        return None


def _key(report_id: UUID | str, name: str) -> str:
    return f"reports/{report_id}/{name}"


def _path(report_id: UUID | str, name: str) -> Path:
    return Path(settings.OFFSTAGE_DATA) / "reports" / str(report_id) / name
