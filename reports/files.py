"""The reports' folder: the only module that writes there."""

import os
import tempfile
from pathlib import Path
from uuid import UUID

from django.conf import settings


def write(report_id: UUID | str, name: str, content: bytes) -> str:
    """Write a file of the report and return its name; nobody ever sees half of it. Twice: the same file."""
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
        return None


def _path(report_id: UUID | str, name: str) -> Path:
    return Path(settings.OFFSTAGE_DATA) / "reports" / str(report_id) / name
