"""The states of a job and every move between them: the one place where a reader sees them all.

`docs/jobs.md` draws them as a picture; `tests/unit/celery_ledger/test_states.py` compares picture and code with
`MOVES`.
"""

from django.db import models


class JobState(models.TextChoices):
    """Where a job stands."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    DEAD = "dead"
    CANCELLED = "cancelled"


#: Waiting for a worker: not published yet, or published and not claimed yet.
WAITING = (JobState.QUEUED, JobState.SCHEDULED, JobState.RETRYING)
UNFINISHED = (*WAITING, JobState.RUNNING)
FINISHED = (JobState.SUCCEEDED, JobState.DEAD, JobState.CANCELLED)
#: Few on a healthy day. The others, SETTLED, are many: all of JOB_RETENTION_DAYS.
LIVE = (*UNFINISHED, JobState.DEAD)
SETTLED = (JobState.SUCCEEDED, JobState.CANCELLED)

#: from -> {to: who moves it}. A move that is not here is a defect.
MOVES: dict[JobState, dict[JobState, str]] = {
    JobState.SCHEDULED: {
        JobState.QUEUED: "relay: run_at was reached; replace: the canvas came to its end",
        JobState.DEAD: "replace: the canvas failed",
        JobState.CANCELLED: "control.cancel; rescue: expired before it began",
    },
    JobState.QUEUED: {
        JobState.RUNNING: "claim: attempt + 1, lease, token",
        JobState.SCHEDULED: "claim: over the rate limit, no attempt spent",
        JobState.CANCELLED: "control.cancel; rescue: expired before it began",
    },
    JobState.RUNNING: {
        JobState.SUCCEEDED: "settle: the body returned",
        JobState.RETRYING: "settle: transient, bug or time limit, or the body asked for it; rescue: the lease ran out",
        JobState.DEAD: "settle: permanent, or no attempt left",
        JobState.CANCELLED: "settle: cancel was asked for, or the body raised Ignore",
        JobState.QUEUED: "hand back: its worker stops; replace: by another task",
        JobState.SCHEDULED: "replace: by the end of a canvas, for which it waits",
    },
    JobState.RETRYING: {
        JobState.QUEUED: "relay: run_at was reached",
        JobState.CANCELLED: "control.cancel",
    },
    JobState.DEAD: {JobState.QUEUED: "control.retry; replace: the canvas came to its end after all"},
    JobState.CANCELLED: {JobState.QUEUED: "control.retry"},
    JobState.SUCCEEDED: {},
}
