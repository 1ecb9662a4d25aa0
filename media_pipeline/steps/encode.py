"""Step encode: one chunk of the video in every size, one job a chunk."""

import structlog

from media_pipeline import lifecycle
from media_pipeline.engine.cut import piece_name
from media_pipeline.engine.encode import encode_chunk
from media_pipeline.files import storage
from media_pipeline.models import StepName
from media_pipeline.plans import plan_of
from media_pipeline.progress import progress
from media_pipeline.steps.made import made
from media_pipeline.steps.probe import PIECES

log = structlog.get_logger(__name__)


def encode(video_id: str, number: int) -> None:
    """Leave chunk `number` encoded in the video's work folder.

    Twice: a chunk whose folder is there is whole, for it came by one rename; it is not encoded again.
    """
    video = lifecycle.begin_step(video_id, StepName.ENCODE)
    if video is None:
        return
    into = storage.chunk_folder(video_id, number)
    with made(into):
        if not into.is_dir():
            encode_chunk(
                piece=storage.lend(storage.work_folder(video_id, PIECES) / piece_name(number)),
                plan=plan_of(video),
                chunk_number=number,
                into=into,
                on_progress=progress.chunk_reporter(video_id, number),
            )
            log.info("chunk_encoded", video_id=video_id, number=number)
    lifecycle.end_chunk(video_id, number)
