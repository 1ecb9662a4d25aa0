"""Which file of a video is read by its steps: the upload, or what was remuxed of it."""

from pathlib import Path
from uuid import UUID

from media_pipeline.engine.film import Film
from media_pipeline.engine.remux import REMUXED_NAME
from media_pipeline.files import storage

REMUXED = "remuxed"


def source_of(video_id: UUID | str, film: Film) -> Path:
    """Return the path, on this machine, of the file that `film` describes."""
    if film.is_remuxed:
        return storage.lend(storage.work_folder(video_id, REMUXED)) / REMUXED_NAME
    return storage.lend(storage.source(video_id))
