"""What an optional step does where it cannot do its work: the video goes on without it."""

from collections.abc import Iterator
from contextlib import contextmanager

from celery_ledger import Permanent, Transient, current_job
from media_pipeline import lifecycle
from media_pipeline.engine.unforeseen import FOR_THE_OWNER
from media_pipeline.models import StepName

UNFORESEEN = "There is something in this video that we do not handle yet."


@contextmanager
def left_out_on_failure(video_id: str, name: StepName) -> Iterator[None]:
    """Leave the step out where no attempt at the block can succeed, or the last one has not.

    An attempt that does not come to its end (a killed worker, a time limit, a bug) is not seen here: where it was the
    last one, `lifecycle.fail` leaves the step out.
    """
    try:
        yield
    except Permanent as error:
        reason = UNFORESEEN if str(error) == FOR_THE_OWNER else str(error)
        lifecycle.leave_out(video_id, name, reason)
    except Transient:
        job = current_job()
        if job is None or job.attempt < job.max_attempts:
            raise
        lifecycle.leave_out(video_id, name, lifecycle.WITHOUT_A_REASON)
