"""Celery's result backend on the ledger: what a job returned, and how its chords are counted."""

from typing import Any, NoReturn

from celery import current_app, states
from celery.backends.base import BaseBackend
from django.db import connections

from jobs import chords, control, signatures, wire
from jobs.models import Job
from jobs.states import UNFINISHED, JobState

_CELERY_STATE = {
    JobState.RUNNING: states.STARTED,
    JobState.RETRYING: states.RETRY,
    JobState.SUCCEEDED: states.SUCCESS,
    JobState.DEAD: states.FAILURE,
    JobState.CANCELLED: states.REVOKED,
}


class LedgerBackend(BaseBackend):
    """Reads results from job rows. Writes nothing: `JobTask` has settled before Celery asks."""

    supports_autoexpire = True  # jobs.retention deletes; else beat would add a task of its own

    def on_task_call(  # type: ignore[override]  # celery-types says None; Celery itself returns {}
        self, producer: object, task_id: str
    ) -> dict[str, Any]:
        """Prepare nothing: results are polled from the database."""
        return {}

    def mark_as_started(self, *_args: Any, **_options: Any) -> None:
        """Do nothing: the claim has recorded it."""

    mark_as_done = mark_as_failure = mark_as_retry = mark_as_started

    def store_result(self, task_id: str, result: Any, state: str, *_args: Any, **_options: Any) -> None:
        """Keep a state of the task's own (`update_state`, `abort`) with a job that is not finished.

        What Celery itself stores is settled with the job already.
        """
        if state == states.STARTED and isinstance(result, dict) and result.keys() == {"pid", "hostname"}:
            return
        own = wire.to_json(wire.OwnState(state, result))
        Job.objects.filter(pk=task_id, state__in=UNFINISHED).update(result=own)

    def _forget(self, task_id: str) -> None:
        Job.objects.filter(pk=task_id, state=JobState.SUCCEEDED).update(result=None)

    def mark_as_revoked(self, task_id: str, *_args: Any, **_options: Any) -> None:
        """Cancel the job that Flower or `celery control revoke` names. Called in the worker's parent process."""
        control.cancel(task_id)
        # A connection left open here would be shared by every pool process forked later.
        connections.close_all()

    def _get_task_meta_for(self, task_id: str) -> dict[str, Any]:
        job = Job.objects.filter(pk=task_id).first()
        if job is None:
            return {"status": states.PENDING, "result": None}
        state, result = _CELERY_STATE.get(JobState(job.state), states.PENDING), wire.from_json(job.result)
        if state in states.EXCEPTION_STATES:
            result = _error_of(self, job) if not _has_own_state(job, result) else result
        if isinstance(result, wire.OwnState):
            state, result = result.state, result.meta
        return {
            "task_id": task_id,
            "name": job.name,
            "status": state,
            "result": result,
            "traceback": _last_traceback(job) if state == states.FAILURE else None,
            "date_done": job.finished_at,
            "retries": max(0, job.attempts - 1),
            "children": _children_of(job) if state in states.READY_STATES else [],
        }

    def save_group(self, group_id: str, result: Any) -> None:
        """Refuse: the members of a group are jobs, and their ids are what a caller keeps."""
        raise _no_groups("save", group_id)

    def restore_group(self, group_id: str, cache: bool = True) -> NoReturn:
        """Refuse: nothing was saved."""
        raise _no_groups("restore", group_id)

    def delete_group(self, group_id: str) -> None:
        """Refuse: nothing was saved."""
        raise _no_groups("delete", group_id)

    def apply_chord(self, header_result_args: tuple[str, list[Any]], body: Any, **_options: Any) -> None:
        """Keep the chord's body, in the asker's transaction, before its header is asked for."""
        signatures.check_tree(current_app, body, gets_result=True)
        chords.open_chord(header_result_args[0], dict(body))

    def set_chord_size(self, group_id: str, chord_size: int) -> None:
        """Record how many parts the header has."""
        chords.set_size(group_id, chord_size)


def _error_of(backend: LedgerBackend, job: Job) -> BaseException:
    kind = "TaskRevokedError" if job.state == JobState.CANCELLED else "RuntimeError"
    error: BaseException = backend.exception_to_python(
        {"exc_type": kind, "exc_message": [job.error or job.state], "exc_module": "celery.exceptions"}
    )
    return error


def _no_groups(act: str, group_id: str) -> NotImplementedError:
    return NotImplementedError(
        f"GroupResult.{act}() is not offered: keep the ids of the group's results ({group_id})"
    )


def _has_own_state(job: Job, result: Any) -> bool:
    # Ignored by its body after `update_state`: what it has stored is its outcome.
    return job.state == JobState.CANCELLED and isinstance(result, wire.OwnState)


def _children_of(job: Job) -> list[tuple[tuple[str, None], None]]:
    # By the family's index; the form is Celery's own, of AsyncResult.as_tuple.
    family = Job.objects.filter(root_id=job.root_id, parent_id=job.pk).order_by("seq")
    return [((str(child), None), None) for child in family.values_list("pk", flat=True)]


def _last_traceback(job: Job) -> str | None:
    return job.failures.order_by("-id").values_list("traceback", flat=True).first()
