"""What the ledger promises, in plain Python: no database, no broker, no clock.

One method for each thing that can happen to jobs; each does to the model what the promise says must become of the
ledger, and returns what the ledger must answer. Time is three facts of a job: it is due, its message is old, its lease
has run out.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from celery_ledger.states import FINISHED, WAITING, JobState

#: As the machine sets JOB_MAX_ATTEMPTS: few, so that jobs die.
MAX_ATTEMPTS = 2


@dataclass
class ModelChord:
    """A chord whose body waits for its parts."""

    body_id: str
    size: int
    results: dict[int, Any] = field(default_factory=dict)
    is_fired: bool = False


@dataclass(frozen=True)
class Follower:
    """A job that the ledger must have written by itself, with these arguments."""

    id: str
    args: list[Any] | None = None


@dataclass
class ModelJob:
    """One job as it must stand in the ledger."""

    id: str
    seq: int
    order_key: str | None = None
    unique_key: str | None = None
    next_id: str | None = None
    chord: ModelChord | None = None
    part: int = 0

    state: JobState = JobState.QUEUED
    attempts: int = 0
    attempts_before: int = 0
    max_attempts: int = MAX_ATTEMPTS
    errors: int = 0
    effects: int = 0
    token: str | None = None
    worker: str = ""
    is_cancel_requested: bool = False
    is_published: bool = False
    was_retried: bool = False

    is_due: bool = True
    is_message_old: bool = False
    has_lease_run_out: bool = False

    @property
    def is_finished(self) -> bool:
        return self.state in FINISHED

    @property
    def is_running(self) -> bool:
        return self.state is JobState.RUNNING

    def wait(self, state: JobState, *, is_due: bool) -> None:
        self.state, self.is_due = state, is_due
        self.is_published, self.token = False, None

    def finish(self, state: JobState) -> None:
        self.state, self.token = state, None


class Model:
    """Every job that was asked for in a committed transaction, as it must stand."""

    def __init__(self) -> None:
        self.jobs: dict[str, ModelJob] = {}
        #: In the order in which they happened.
        self.effects: list[str] = []

    def add(self, job: ModelJob) -> None:
        self.jobs[job.id] = job

    def any(self, kind: Callable[[ModelJob], bool]) -> bool:
        return any(map(kind, self.jobs.values()))

    def of_unique_key(self, unique_key: str) -> ModelJob | None:
        return next((job for job in self.jobs.values() if job.unique_key == unique_key), None)

    # The relay and the broker.

    def take_due(self) -> list[str]:
        """Publish what is due; returns it."""
        due = [job for job in self.jobs.values() if self._is_due(job)]
        for job in due:
            job.state, job.is_published, job.is_message_old = JobState.QUEUED, True, False
        return [job.id for job in due]

    def put_back(self, ids: Iterable[str]) -> None:
        """Forget the publication of jobs that the broker did not take."""
        for job in map(self.jobs.__getitem__, ids):
            job.is_published = False

    def refuse(self, job_id: str) -> None:
        """Bury a job that no broker takes."""
        job = self.jobs[job_id]
        job.attempts += 1
        job.errors += 1
        job.finish(JobState.DEAD)

    # A worker.

    def claim(self, job_id: str, token: str, worker: str) -> bool:
        """Give the job to the worker, or return False: it is not waiting, or its turn has not come."""
        job = self.jobs[job_id]
        if job.state is not JobState.QUEUED or self._is_held_up(job):
            return False
        job.state, job.token, job.worker = JobState.RUNNING, token, worker
        job.attempts += 1
        job.has_lease_run_out = False
        return True

    def line_up(self, job_id: str) -> None:
        """Put a job back whose message came before its turn."""
        job = self.jobs[job_id]
        if job.state is JobState.QUEUED and job.order_key is not None:
            job.is_published = False

    def postpone(self, job_id: str) -> None:
        """Let the job wait for its rate limit, no attempt spent."""
        job = self.jobs[job_id]
        if job.state is JobState.QUEUED:
            job.wait(JobState.SCHEDULED, is_due=False)

    def holds(self, job_id: str, token: str) -> bool:
        return self.jobs[job_id].token == token

    def renew(self, job_id: str, token: str) -> bool | None:
        """Renew the lease; returns whether to stop, None where the claim is lost."""
        job = self.jobs[job_id]
        if job.token != token:
            return None
        job.has_lease_run_out = False
        return job.is_cancel_requested

    def succeed(self, job_id: str, token: str, result: Any) -> list[Follower] | None:
        """Settle a success with its effect; returns what follows, None where nothing may be settled."""
        job = self.jobs[job_id]
        if job.token != token:
            return None
        job.finish(JobState.SUCCEEDED)
        job.effects += 1
        self.effects.append(job_id)
        followers = [Follower(job.next_id)] if job.next_id else []
        if job.chord is not None:
            followers += self._count_part(job.chord, job.part, result)
        return followers

    def fail(self, job_id: str, token: str, *, is_permanent: bool = False, at_once: bool = False) -> bool:
        """Settle a failed attempt; False where nothing may be settled."""
        job = self.jobs[job_id]
        if job.token != token:
            return False
        job.errors += 1
        if is_permanent or job.attempts >= job.max_attempts:
            job.finish(JobState.DEAD)
        elif job.is_cancel_requested:
            # Who asked for an end does not get another attempt.
            job.finish(JobState.CANCELLED)
        else:
            job.wait(JobState.RETRYING, is_due=at_once)
        return True

    def stop(self, job_id: str, token: str) -> bool:
        """Settle an attempt that stopped on request; False where nothing may be settled."""
        job = self.jobs[job_id]
        if job.token != token:
            return False
        job.finish(JobState.CANCELLED)
        return True

    def hand_back(self, job_id: str, worker: str) -> bool:
        """Return the job of a worker that stops, no attempt spent."""
        job = self.jobs[job_id]
        if not job.is_running or job.worker != worker:
            return False
        job.attempts -= 1
        if job.is_cancel_requested:
            job.finish(JobState.CANCELLED)
        else:
            job.wait(JobState.QUEUED, is_due=True)
        return True

    # The rescuer.

    def report_lost(self, job_id: str, worker: str, *, at_once: bool) -> bool:
        """Settle the job of a worker process that died; False where it holds none."""
        job = self.jobs[job_id]
        if not job.is_running or job.worker != worker:
            return False
        self._lose(job, at_once=at_once)
        return True

    def rescue(self) -> int:
        """Give what nobody keeps any more to others; returns how many."""
        lost = [job for job in self.jobs.values() if job.is_running and job.has_lease_run_out]
        for job in lost:
            self._lose(job, at_once=True)
        return len(lost)

    def may_be_published_again(self) -> list[ModelJob]:
        """Return the jobs whose message may be lost; those whose queue moves may be let wait."""
        waiting = [job for job in self.jobs.values() if job.state is JobState.QUEUED and job.is_published]
        return [job for job in waiting if job.is_message_old]

    # A person.

    def cancel(self, job_id: str) -> bool:
        """Cancel a waiting job, ask a running one to stop; False where it is finished."""
        job = self.jobs[job_id]
        if job.state in WAITING:
            job.finish(JobState.CANCELLED)
        elif job.is_running:
            job.is_cancel_requested = True
        else:
            return False
        return True

    def retry(self, job_id: str) -> bool:
        """Queue a dead or cancelled job anew; False where it is neither."""
        job = self.jobs[job_id]
        if job.state not in {JobState.DEAD, JobState.CANCELLED}:
            return False
        job.wait(JobState.QUEUED, is_due=True)
        job.attempts_before, job.max_attempts = job.attempts, job.attempts + MAX_ATTEMPTS
        job.is_cancel_requested, job.was_retried = False, True
        return True

    # The clock.

    def pass_due_times(self) -> None:
        for job in self.jobs.values():
            job.is_due = True

    def pass_republication(self) -> None:
        for job in self.jobs.values():
            job.is_message_old = job.is_published

    def pass_leases(self) -> None:
        for job in self.jobs.values():
            job.has_lease_run_out = job.is_running

    def _is_due(self, job: ModelJob) -> bool:
        return (
            job.state in WAITING
            and job.is_due
            and not job.is_published
            and not self._is_held_up(job)
            and not any(other.is_published and other.state in WAITING for other in self._others_of_key(job))
        )

    def _is_held_up(self, job: ModelJob) -> bool:
        return any(
            other.is_running or (not other.is_finished and other.seq < job.seq)
            for other in self._others_of_key(job)
        )

    def _others_of_key(self, job: ModelJob) -> list[ModelJob]:
        if job.order_key is None:
            return []
        return [
            other for other in self.jobs.values() if other.order_key == job.order_key and other is not job
        ]

    def _lose(self, job: ModelJob, *, at_once: bool) -> None:
        if job.is_cancel_requested:
            job.finish(JobState.CANCELLED)
        else:
            self.fail(job.id, str(job.token), at_once=at_once)

    def _count_part(self, chord: ModelChord, part: int, result: Any) -> list[Follower]:
        chord.results.setdefault(part, result)
        if chord.is_fired or len(chord.results) < chord.size:
            return []
        chord.is_fired = True
        return [Follower(chord.body_id, [[chord.results[index] for index in sorted(chord.results)]])]
