"""A video from its first job to its end: steps begin and end; it gets ready, fails, is cancelled, retried."""

from collections.abc import Collection, Iterable
from dataclasses import replace
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
from media_pipeline import pipeline, queries, quotas
from media_pipeline.engine.plan import AudioTrack, Film, Plan
from media_pipeline.errors import WrongState
from media_pipeline.models import (
    OPTIONAL_STEPS,
    TRANSITIONS,
    Asset,
    Chunk,
    Step,
    StepName,
    StepState,
    Video,
    VideoState,
    Warned,
)
from media_pipeline.progress import progress

log = structlog.get_logger(__name__)

OUR_FAULT: Final = "Something went wrong on our side while the video was processed. Please try again."
# The same for a part of a video that is left out.
WITHOUT_A_REASON: Final = "Something went wrong on our side."
NOT_MEASURED: Final = "The quality could not be measured."
PARTS: Final[dict[StepName, str]] = {
    StepName.THUMBNAILS: "Poster and thumbnails",
    StepName.STORYBOARD: "The storyboard",
    StepName.SUBTITLES: "Subtitles",
    StepName.FINISH: "The measurement of the quality",
}


def start(video: Video) -> None:
    """Enqueue the video's first job, in the present transaction."""
    # The id is ours, and new each time: a second run of the same video is not a repeat of the first.
    root = uuid4()
    Video.objects.filter(pk=video.pk).update(root_job=root)
    # No owner's videos hold up another's for longer than one job.
    enqueue(pipeline.opening(video.pk, root), share_key=str(video.owner_id))


@transaction.atomic
def begin_step(video_id: str, name: StepName) -> Video | None:
    """Mark the step as running and return the video, None where there is nothing to do any more.

    That is so for a video that is gone, cancelled or ready, for a step that was left out, and for a job of an
    earlier run. One job of a failed video that was retried by hand would not be enough, for its neighbours were
    cancelled: it starts a new run, which keeps all that is done.
    """
    checkpoint()
    video = queries.locked(video_id)
    if video is None or not _is_of_present_run(video):
        return None
    if video.state == VideoState.FAILED:
        _run_again(video)
        return None
    if video.is_final or queries.is_left_out(video_id, name):
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
def end_step(
    video_id: str, name: StepName, assets: list[Asset] | None = None, warnings: Iterable[str] = ()
) -> bool:
    """Mark the step as done and record its output files and what it had to leave out, in one transaction.

    Twice: no second row, no second warning, and False for a step that was done before or a video that is over.
    """
    video = queries.locked(video_id)
    if video is None or video.is_final or queries.is_left_out(video_id, name):
        return False
    Asset.objects.bulk_create(assets or [], ignore_conflicts=True)
    _warn(video, name, warnings)
    return _mark_done(video_id, [name])


@transaction.atomic
def leave_out(video_id: str, name: StepName, reason: str) -> None:
    """Give the optional step up and let the video go on without it; its owner is told why.

    The step is failed then, and none of its jobs does anything more. Twice: no second warning.
    """
    video = queries.locked(video_id)
    if video is None or video.is_final or not _is_of_present_run(video):
        return
    _give_up(video, name, reason)
    progress.announce(video_id)


@transaction.atomic
def end_audio(video_id: str, left_out: Collection[AudioTrack]) -> bool:
    """Mark the audio step as done, take the tracks `left_out` from the plan and warn of them.

    Twice: the plan stays as it is, and no second warning.
    """
    video = queries.locked(video_id)
    if video is None or video.is_final:
        return False
    if left_out and video.plan is not None:
        plan = Plan.from_json(video.plan)
        kept = tuple(track for track in plan.audio if track not in left_out)
        Video.objects.filter(pk=video_id).update(plan=replace(plan, audio=kept).as_json())
    _warn(
        video,
        StepName.AUDIO,
        [f"The audio track “{track.title}” could not be converted." for track in left_out],
    )
    return _mark_done(video_id, [StepName.AUDIO])


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
    _warn(present, StepName.PROBE, found.warnings)
    _mark_done(str(video.pk), pipeline.left_out(found, plan))
    enqueue(pipeline.canvas(video.pk, found, plan))
    log.info("video_planned", video_id=str(video.pk), chunks=len(plan.chunks), truncated=plan.truncated)
    return True


@transaction.atomic
def become_ready(video_id: str, vmaf: float | None, now: datetime) -> bool:
    """Make the video ready and enqueue the notices to its owner. Twice: False, and no second notice.

    Without a figure for its quality there is a warning instead.
    """
    video = queries.locked(video_id)
    if video is None or not _is_of_present_run(video):
        return False
    if vmaf is None and not video.is_final and not is_warned_of(video, StepName.FINISH):
        _warn(video, StepName.FINISH, [NOT_MEASURED])
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
    """Mark the video as failed with the reason of its dead job, and cancel what else it has under way.

    Its owner's webhooks are told. Where only jobs of optional steps are dead, which ends their run as well, these
    steps are left out and a new run makes the rest. Twice: False, and they are told once.
    """
    video = queries.locked(video_id)
    if video is None or not _is_of_present_run(video):
        return False
    failures = queries.failures(video.root_job) if video.root_job else []
    decisive = [failure for failure in failures if not _can_be_left_out(video, failure)]
    if failures and not decisive and not video.is_final:
        _go_on_without(video, failures)
        return False
    failure = decisive[0] if decisive else None
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
    """Stop the video's work, keeping what is done for a retry. WrongState where nothing is under way."""
    video = queries.locked(video_id)
    if video is None or not queries.move(video_id, VideoState.CANCELLED, finished_at=now):
        raise WrongState("Only a video that is queued or processing can be cancelled.")
    queries.unfinished_steps(video_id).update(state=StepState.CANCELLED, finished_at=now)
    _cancel_jobs(video)
    progress.announce(video_id)
    log.info("video_cancelled", video_id=str(video_id))


@transaction.atomic
def retry(video_id: UUID) -> None:
    """Run the video's pipeline again, keeping what is done. WrongState unless it failed or was cancelled.

    TooManyVideos where the owner has as many under way as one may have.
    """
    video = queries.locked(video_id)
    if video is None or not video.source or VideoState.QUEUED not in TRANSITIONS[VideoState(video.state)]:
        raise WrongState("Only a video that failed or was cancelled can be retried.")
    quotas.refuse_more_under_way(video.owner_id)
    _run_again(video)


def is_warned_of(video: Video, name: StepName) -> bool:
    """Say whether the video has a warning of this step."""
    return any(warned["step"] == name for warned in video.warnings)


def _can_be_left_out(video: Video, failure: JobError) -> bool:
    """Whether the dead job is of an optional step, which has not been left out before.

    One that has does nothing any more: what killed its job was something else.
    """
    name = pipeline.STEP_OF_TASK.get(failure.job.name)
    if name == StepName.FINISH:
        return not is_warned_of(video, name)
    return name in OPTIONAL_STEPS and not queries.is_left_out(video.pk, name)


def _go_on_without(video: Video, failures: list[JobError]) -> None:
    """Leave out the steps of these dead jobs and run the rest again, which keeps all that is done."""
    newest = {pipeline.STEP_OF_TASK[failure.job.name]: failure for failure in reversed(failures)}
    for name, failure in newest.items():
        _give_up(video, name, _in_words_for_the_owner(failure, WITHOUT_A_REASON))
    _cancel_jobs(video)
    _start_again(video)


def _give_up(video: Video, name: StepName, reason: str) -> None:
    _warn(video, name, [f"{PARTS[name]} could not be made: {reason}"])
    # The last step does more than this part: it goes on, and finds the warning.
    if name != StepName.FINISH:
        open_step = queries.unfinished_steps(video.pk).filter(name=name)
        open_step.update(state=StepState.FAILED, finished_at=timezone.now())
    log.warning("video_part_left_out", video_id=str(video.pk), step=name, reason=reason)


def _warn(video: Video, name: StepName, reasons: Iterable[str]) -> None:
    """Add warnings to the video, whose row is locked. Twice: no second one."""
    warned = [Warned(step=name.value, reason=reason) for reason in reasons]
    added = [each for each in warned if each not in video.warnings]
    if added:
        video.warnings = [*video.warnings, *added]
        queries.store_warnings(video)


def _run_again(video: Video) -> None:
    queries.move(video.pk, VideoState.QUEUED, error="", finished_at=None)
    # What was left out is tried again as well.
    tried_again = set(queries.unfinished_steps(video.pk).values_list("name", flat=True))
    video.warnings = [warned for warned in video.warnings if warned["step"] not in tried_again]
    queries.store_warnings(video)
    queries.unfinished_steps(video.pk).update(state=StepState.QUEUED, finished_at=None)
    _start_again(video)


def _start_again(video: Video) -> None:
    # The probe comes first in each run, to enqueue the rest; it finds what it did and is quick.
    Step.objects.filter(video=video, name=StepName.PROBE).update(state=StepState.QUEUED)
    not_given_up = queries.unfinished_steps(video.pk).exclude(state=StepState.FAILED)
    not_given_up.update(state=StepState.QUEUED, finished_at=None)
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
    """Whether the job that runs here belongs to the video's present run; true outside any job."""
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


def _in_words_for_the_owner(failure: JobError | None, otherwise: str = OUR_FAULT) -> str:
    if failure is None:
        return otherwise
    if failure.fate == Fate.PERMANENT:
        return failure.message
    if failure.fate == Fate.TIMEOUT:
        return "The video took too long to process."
    return otherwise
