"""A film from its first job to its end: steps begin and end; it gets ready, fails, is cancelled, retried."""

from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import structlog
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from accounts.push import push_notifications
from accounts.webhooks import webhook_events
from accounts.webhooks.models import WebhookEvent
from celery_ledger import checkpoint, control, current_job, enqueue
from celery_ledger.errors import Fate
from celery_ledger.models import JobError
from media_pipeline import pipeline, progress, queries, quotas
from media_pipeline.engine.plan import Film, Plan
from media_pipeline.errors import WrongState
from media_pipeline.models import TRANSITIONS, Asset, Chunk, Step, StepName, StepState, Video, VideoState

log = structlog.get_logger(__name__)

OUR_FAULT: Final = "Something went wrong on our side while the film was processed. Please try again."


def start(video: Video) -> None:
    """Enqueue the film's first job, in the present transaction."""
    # The id is ours, and new each time: a second run of the same film is not a repeat of the first.
    root = uuid4()
    Video.objects.filter(pk=video.pk).update(root_job=root)
    # No owner's videos hold up another's for longer than one job.
    enqueue(pipeline.opening(video.pk, root), share_key=str(video.owner_id))


@transaction.atomic
def begin_step(video_id: str, name: StepName) -> Video | None:
    """Mark the step as running and return the film, None where there is nothing to do any more.

    That is so for a film that is gone, cancelled or ready, and for a job of an earlier run. One job of a
    failed film that was retried by hand would not be enough, for its neighbours were cancelled: it starts a
    new run, which keeps all that is done.
    """
    checkpoint()
    video = queries.locked(video_id)
    if video is None or not _is_of_present_run(video):
        return None
    if video.state == VideoState.FAILED:
        _run_again(video)
        return None
    if video.is_final:
        return None
    if queries.move(video_id, VideoState.PROCESSING):
        log.info("video_processing", video_id=video_id)
    job = current_job()
    queries.unfinished_steps(video_id).filter(name=name).update(
        state=StepState.RUNNING,
        attempts=Greatest(F("attempts"), job.attempt if job else 1),
        started_at=Coalesce("started_at", timezone.now()),
        finished_at=None,
    )
    queries.touch(video_id)
    progress.announce(video_id)
    return video


@transaction.atomic
def end_step(video_id: str, name: StepName, assets: list[Asset] | None = None) -> bool:
    """Mark the step as done and record its output files, in one transaction.

    Twice: no second row, and False for a step that was done before or a film that is over.
    """
    video = queries.locked(video_id)
    if video is None or video.is_final:
        return False
    Asset.objects.bulk_create(assets or [], ignore_conflicts=True)
    return _mark_done(video_id, [name])


@transaction.atomic
def end_chunk(video_id: str, number: int) -> None:
    """Record that the chunk is whole and kept; the last one ends the encode step. Twice: nothing changes."""
    video = queries.locked(video_id)
    if video is None or video.is_final:
        return
    Chunk.objects.filter(video_id=video_id, number=number).update(frames_done=F("frames"))
    if queries.undone_chunks(video_id).exists():
        progress.record(video_id, StepName.ENCODE, progress.encoded_share(video_id))
    else:
        _mark_done(video_id, [StepName.ENCODE])


@transaction.atomic
def end_probe(video: Video, found: Film, plan: Plan) -> bool:
    """Record the plan and enqueue all that follows, in one transaction.

    Twice: False; only the call that turns the probe step from running to done enqueues.
    """
    present = queries.locked(video.pk)
    if present is None or present.is_final or not _is_of_present_run(present):
        return False
    if not _mark_done(str(video.pk), [StepName.PROBE]):
        return False
    Video.objects.filter(pk=video.pk).update(
        film=found.as_json(),
        plan=plan.as_json(),
        duration_seconds=plan.duration_seconds,
        width=plan.width,
        height=plan.height,
    )
    Chunk.objects.bulk_create(
        [Chunk(video=video, number=chunk.number, frames=chunk.frames) for chunk in plan.chunks],
        ignore_conflicts=True,
    )
    _mark_done(str(video.pk), pipeline.left_out(found, plan))
    enqueue(pipeline.canvas(video.pk, found, plan))
    log.info("video_planned", video_id=str(video.pk), chunks=len(plan.chunks), truncated=plan.truncated)
    return True


@transaction.atomic
def become_ready(video_id: str, vmaf: float | None, now: datetime) -> bool:
    """Make the film ready and enqueue the notices to its owner. Twice: False, and no second notice."""
    video = queries.locked(video_id)
    if video is None or not _is_of_present_run(video):
        return False
    _mark_done(video_id, [StepName.FINISH])
    if not queries.move(video_id, VideoState.READY, progress=100, vmaf=vmaf, error="", finished_at=now):
        return False
    push_notifications.notify(str(video.owner_id), "Your video is ready", video.title, f"/videos/{video.pk}")
    _tell_webhooks(video, WebhookEvent.VIDEO_READY, {"state": VideoState.READY.value, "error": ""}, now)
    progress.announce(video_id)
    log.info("video_ready", video_id=video_id)
    return True


@transaction.atomic
def fail(video_id: str, now: datetime) -> bool:
    """Mark the film as failed with the reason of its dead job, and cancel what else it has under way.

    Its owner's webhooks are told. Twice: False, and they are told once.
    """
    video = queries.locked(video_id)
    if video is None or not _is_of_present_run(video):
        return False
    failure = queries.last_failure(video.root_job) if video.root_job else None
    reason = _in_words_for_the_owner(failure)
    if not queries.move(video_id, VideoState.FAILED, error=reason, finished_at=now):
        return False
    dead_step = pipeline.STEP_OF_TASK.get(failure.job.name) if failure else None
    open_steps = queries.unfinished_steps(video_id)
    open_steps.filter(name=dead_step).update(state=StepState.FAILED, finished_at=now)
    open_steps.exclude(state=StepState.FAILED).update(state=StepState.CANCELLED, finished_at=now)
    _cancel_jobs(video)
    _tell_webhooks(video, WebhookEvent.VIDEO_FAILED, {"state": VideoState.FAILED.value, "error": reason}, now)
    progress.announce(video_id)
    log.warning("video_failed", video_id=video_id, fate=failure.fate if failure else None)
    return True


@transaction.atomic
def cancel(video_id: UUID, now: datetime) -> None:
    """Stop the film's work, keeping what is done for a retry. WrongState where nothing is under way."""
    video = queries.locked(video_id)
    if video is None or not queries.move(video_id, VideoState.CANCELLED, finished_at=now):
        raise WrongState("Only a film that is queued or processing can be cancelled.")
    queries.unfinished_steps(video_id).update(state=StepState.CANCELLED, finished_at=now)
    _cancel_jobs(video)
    progress.announce(video_id)
    log.info("video_cancelled", video_id=str(video_id))


@transaction.atomic
def retry(video_id: UUID) -> None:
    """Run the film's pipeline again, keeping what is done. WrongState unless it failed or was cancelled.

    TooManyVideos where the owner has as many under way as one may have.
    """
    video = queries.locked(video_id)
    if video is None or not video.source or VideoState.QUEUED not in TRANSITIONS[VideoState(video.state)]:
        raise WrongState("Only a film that failed or was cancelled can be retried.")
    quotas.refuse_more_under_way(video.owner_id)
    _run_again(video)


def _run_again(video: Video) -> None:
    queries.move(video.pk, VideoState.QUEUED, error="", finished_at=None)
    # The probe comes first in each run, to enqueue the rest; it finds what it did and is quick.
    Step.objects.filter(video=video, name=StepName.PROBE).update(state=StepState.QUEUED)
    queries.unfinished_steps(video.pk).update(state=StepState.QUEUED, finished_at=None)
    start(video)
    progress.announce(video.pk)
    log.info("video_retried", video_id=str(video.pk))


def _mark_done(video_id: str, names: list[StepName]) -> bool:
    now = timezone.now()
    marked = (
        queries.unfinished_steps(video_id)
        .filter(name__in=names)
        .update(
            state=StepState.DONE,
            progress=100,
            started_at=Coalesce("started_at", now),
            finished_at=now,
        )
    )
    if marked:
        progress.refresh(video_id)
    return marked > 0


def _tell_webhooks(video: Video, event: WebhookEvent, end: dict[str, str], now: datetime) -> None:
    webhook_events.notify(str(video.owner_id), event, {"id": str(video.pk), **end}, now)


def _is_of_present_run(video: Video) -> bool:
    """Whether the job that runs here belongs to the film's present run; true outside any job."""
    job = current_job()
    return job is None or job.root_id == str(video.root_job)


def _cancel_jobs(video: Video) -> None:
    # One by one, without the job that does this: it must not cancel itself.
    job = current_job()
    if video.root_job is None:
        return
    if job is None:
        control.cancel_tree(str(video.root_job))
        return
    for other in queries.unfinished_jobs(video.root_job).exclude(pk=job.id):
        control.cancel(str(other.pk))


def _in_words_for_the_owner(failure: JobError | None) -> str:
    if failure is None:
        return OUR_FAULT
    if failure.fate == Fate.PERMANENT:
        return failure.message
    if failure.fate == Fate.TIMEOUT:
        return "The film took too long to process."
    return OUR_FAULT
