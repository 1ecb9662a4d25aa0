"""What a video goes through: the one place that says what follows what and what runs beside what.

probe ─▶ ┬ encode, one job a chunk ──────────────────────┬─▶ package ─▶ finish
         ├ audio                     (only with sound)    │
         ├ grab ─▶ process thumbnails ─▶ storyboard       │
         └ subtitles                 (only with sound or text)

Thumbnails, storyboard and subtitles are optional: one that fails is left out (`steps.optional`, `lifecycle.fail`).
"""

from typing import Final
from uuid import UUID

from celery_ledger import chain, chord, step
from celery_ledger.canvas import Signature
from media_pipeline.engine.plan import Film, Plan
from media_pipeline.models import StepName

STEP_OF_TASK: Final[dict[str, StepName]] = {
    "media_pipeline.probe": StepName.PROBE,
    "media_pipeline.encode": StepName.ENCODE,
    "media_pipeline.audio": StepName.AUDIO,
    "media_pipeline.grab_thumbnails": StepName.THUMBNAILS,
    "media_pipeline.process_thumbnails": StepName.THUMBNAILS,
    "media_pipeline.storyboard": StepName.STORYBOARD,
    "media_pipeline.subtitles": StepName.SUBTITLES,
    "media_pipeline.package": StepName.PACKAGE,
    "media_pipeline.finish": StepName.FINISH,
}


def opening(video_id: UUID | str, root_job: UUID) -> Signature:
    """Return the first job, with the id `root_job`; what it finds out decides the rest."""
    ids = {"task_id": str(root_job), "root_id": str(root_job)}
    return _failing_film(step("media_pipeline.probe", str(video_id), **ids), video_id)


def canvas(video_id: UUID | str, film: Film, plan: Plan) -> Signature:
    """Return everything after the probe."""
    name = str(video_id)
    # The sound first: it is one long job, and whoever watches early hears it from the start.
    beside = [step("media_pipeline.audio", name)] if plan.has_audio else []
    beside += [step("media_pipeline.encode", name, chunk.number) for chunk in plan.chunks]
    beside.append(
        chain(
            step("media_pipeline.grab_thumbnails", name),
            step("media_pipeline.process_thumbnails", name),
            step("media_pipeline.storyboard", name),
        )
    )
    if has_words(film):
        beside.append(step("media_pipeline.subtitles", name))
    after = chain(step("media_pipeline.package", name), step("media_pipeline.finish", name))
    # A part that is dead calls the errbacks of the chord's body.
    return chord(beside, _failing_film(after, video_id))


def left_out(film: Film, plan: Plan) -> list[StepName]:
    """Return the steps that have nothing to do for this video."""
    empty = {StepName.AUDIO: not plan.has_audio, StepName.SUBTITLES: not has_words(film)}
    return [name for name, is_empty in empty.items() if is_empty]


def has_words(film: Film) -> bool:
    """Whether the video may yield subtitles: it has sound, or text tracks of its own."""
    return film.has_audio or bool(film.texts)


def _failing_film(signature: Signature, video_id: UUID | str) -> Signature:
    """Let a job that is dead anywhere in `signature` fail the video."""
    return signature.on_error(step("media_pipeline.fail_video", str(video_id)))
