"""The end of an attempt: outcome, history, result and continuation in one transaction.

Each function raises LeaseLost, and so rolls back, where the claim is not ours any more.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction

from celery_ledger import faultpoints
from celery_ledger.asking import chains, policy, signatures
from celery_ledger.asking.signatures import Part
from celery_ledger.current import AskedRetry
from celery_ledger.errors import Fate, LeaseLost
from celery_ledger.ledger import chord_counts, inserts, rows, settlements, wakeup
from celery_ledger.models import JobError
from celery_ledger.settling import chords, continuation, judge
from celery_ledger.settling.judge import Failure
from celery_ledger.values import wire
from celery_ledger.values.texts import cut, storable
from celery_ledger.values.wire import Unwritable

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Attempt:
    """The claimed attempt that is being settled: by its own worker, its worker's parent or the rescuer."""

    id: str
    name: str
    number: int
    max_attempts: int
    attempts_before: int
    token: UUID
    root_id: str
    canvas: dict[str, Any]
    group_id: str | None
    group_index: int | None
    worker: str
    order_key: str | None
    #: What the caller said of storing the result; None leaves it to the task.
    ignore_result: bool | None = None

    @classmethod
    def of(cls, row: rows.Claimed | rows.Held) -> "Attempt":
        """Return the attempt that a claimed or locked row stands for."""
        return cls(
            id=row.id,
            name=row.name,
            number=row.attempts,
            max_attempts=row.max_attempts,
            attempts_before=row.attempts_before,
            token=row.claim_token,
            root_id=row.root_id,
            canvas=row.canvas,
            group_id=row.group_id,
            group_index=row.group_index,
            worker=row.worker,
            order_key=row.order_key,
            ignore_result=getattr(row, "ignore_result", None),
        )

    @property
    def part(self) -> Part | None:
        """The place in a chord's header that this job itself fills."""
        if not self.canvas.get("chord") or self.group_id is None:
            return None
        return Part(self.group_id, self.group_index or 0)

    @property
    def is_alone(self) -> bool:
        """Whether nothing follows its success: no next step, no callback, no chord, no other job of its key."""
        return not self.canvas and self.order_key is None

    @property
    def is_only_a_part(self) -> bool:
        """Whether its success concerns its place in a chord's header and nothing else."""
        return self.part is not None and self.canvas.keys() == {"chord"} and self.order_key is None

    @property
    def lost_part(self) -> Part | None:
        """The place in a header that stays empty when this job is dead: its own, or that of its chain's end."""
        rest = self.canvas.get("chain")
        return signatures.part_of(chains.last_step(rest)) if rest else self.part


def succeed(attempt: Attempt, result: Any) -> None:
    """Record success and enqueue what follows."""
    try:
        _succeed(attempt, result)
    except Unwritable as error:
        # The body is done, and is not to run again over it. What follows and needs the result will be refused.
        mark = wire.marked(result, error)
        log.error(  # noqa: TRY400 - its traceback says nothing more
            "result_unserialisable", job_id=attempt.id, name=attempt.name, reason=str(mark)
        )
        _succeed(attempt, mark)


def _succeed(attempt: Attempt, result: Any) -> None:
    # One statement is a transaction by itself: beginning and ending one around it would be two more journeys.
    if attempt.is_alone and not connection.in_atomic_block:
        _record_success(attempt, result)
    elif connection.in_atomic_block or not _succeed_as_a_part(attempt, result):
        _succeed_and_continue(attempt, result)


def _succeed_as_a_part(attempt: Attempt, result: Any) -> bool:
    """Record success and count the part, where nothing else is to be done; return whether that was so."""
    if attempt.part is None or not attempt.is_only_a_part:
        return False
    group_id, index = attempt.part.group_id, attempt.part.index
    kept = _kept(attempt, result)
    return chord_counts.settle_part(
        attempt.id, attempt.token, kept, group_id=group_id, index=index, handed_on=result
    )


def _record_success(attempt: Attempt, result: Any) -> None:
    _held(settlements.settle_succeeded(attempt.id, attempt.token, _kept(attempt, result)), attempt)


def _kept(attempt: Attempt, result: Any) -> Any:
    return None if policy.ignores_result(attempt.name, attempt.ignore_result) else result


@transaction.atomic
def _succeed_and_continue(attempt: Attempt, result: Any) -> None:
    _record_success(attempt, result)
    faultpoints.reach("settle.recorded")
    refusals = continuation.enqueue_next(attempt.id, attempt.root_id, attempt.canvas, result)
    _keep_refusals(attempt, refusals)
    if any(refusal.is_next_step for refusal in refusals):
        _abandon_chain(attempt)
    faultpoints.reach("settle.continued")
    if attempt.part is not None:
        refusal = chords.return_part(attempt.part, attempt.id, result)
        _keep_refusals(attempt, [refusal] if refusal else [])
    _let_the_next_of_its_key_go(attempt)


@transaction.atomic
def fail(attempt: Attempt, failure: Failure) -> judge.Verdict:
    """Record a failed attempt: retrying, or dead with its errbacks enqueued. Returns the verdict.

    Cancelled instead of retrying where somebody asked the job to stop: whoever did is not to see it run again.
    """
    verdict = judge.judge(
        failure,
        attempt=attempt.number - attempt.attempts_before,
        max_attempts=attempt.max_attempts - attempt.attempts_before,
        base_seconds=policy.retry_base_seconds_of(attempt.name),
        max_seconds=settings.JOB_RETRY_MAX_SECONDS,
        jitter=policy.some_jitter(),
        only_asked_for=not policy.retries_failures_of(attempt.name),
    )
    _keep_error(attempt, failure)
    if verdict.retry_in_seconds is None:
        _bury(attempt, failure)
    elif settlements.settle_retrying(attempt.id, attempt.token, failure.message, verdict.retry_in_seconds):
        wakeup.wake_relays()  # They sleep until the next job falls due, and this one may be it.
    else:
        cancel(attempt)
        return judge.Verdict(None, is_cancelled=True)
    return verdict


@transaction.atomic
def retry(attempt: Attempt, asked: AskedRetry, failure: Failure) -> bool:
    """Record that the body asked for another attempt, which is over and above those that a failure has.

    False, and the job cancelled, where somebody asked it to stop.
    """
    _keep_error(attempt, replace(failure, fate=Fate.RETRY))
    if settlements.settle_asked_retry(attempt.id, attempt.token, failure.message, asked):
        wakeup.wake_relays()
        return True
    cancel(attempt)
    return False


@transaction.atomic
def ignore(attempt: Attempt) -> None:
    """Record that the body ended its job by raising Ignore: nothing follows. A state of its own is kept."""
    _held(settlements.settle_ignored(attempt.id, attempt.token), attempt)
    leave_out_what_follows([attempt])
    _let_the_next_of_its_key_go(attempt)


@transaction.atomic
def cancel(attempt: Attempt) -> None:
    """Record that the job stopped on request."""
    _held(settlements.settle_cancelled(attempt.id, attempt.token), attempt)
    leave_out_what_follows([attempt])
    _let_the_next_of_its_key_go(attempt)


@transaction.atomic
def set_aside(attempt: Attempt, failure: Failure) -> None:
    """Make a job dead that can't be settled in any other way, and enqueue nothing after it."""
    _held(settlements.settle_dead(attempt.id, attempt.token, failure.message), attempt)
    _keep_error(attempt, failure)


def leave_out_what_follows(attempts: Iterable[Attempt]) -> None:
    """Note that what would follow cancelled jobs is not reached, so that whoever waits for it is told."""
    chords_seen: set[str] = set()
    for attempt in attempts:
        rest = attempt.canvas.get("chain")
        if rest:
            ids = signatures.ids_in(chains.all_steps(rest))
            settlements.note_unreached(ids, attempt.id, is_chord_body=False)
        part = attempt.lost_part
        if part is not None and part.group_id not in chords_seen:
            chords_seen.add(part.group_id)
            chords.leave_out(part, attempt.id)


def _bury(attempt: Attempt, failure: Failure) -> None:
    _held(settlements.settle_dead(attempt.id, attempt.token, failure.message), attempt)
    settlements.forget_that_unreached(attempt.id)
    errbacks = attempt.canvas.get("errbacks") or []
    occasion = f"errback/{attempt.number}"
    _keep_refusals(attempt, continuation.enqueue_errbacks(errbacks, attempt.id, occasion, attempt.root_id))
    _lose_what_follows(attempt)
    _let_the_next_of_its_key_go(attempt)


def _abandon_chain(attempt: Attempt) -> None:
    """End a chain whose next step is refused, as if that step had died."""
    refused, _ = chains.next_step(attempt.canvas["chain"])
    step_id = refused["options"].get("task_id") or attempt.id
    errbacks = signatures.errbacks_of(refused)
    _keep_refusals(attempt, continuation.enqueue_errbacks(errbacks, step_id, "errback", attempt.root_id))
    _lose_what_follows(attempt)


def _lose_what_follows(attempt: Attempt) -> None:
    chain = attempt.canvas.get("chain") or []
    if chain:
        ids = signatures.ids_in(chains.all_steps(chain))
        inserts.bury_awaiting(ids, f"job {attempt.id} of its replacement is dead")
        settlements.note_unreached(ids, attempt.id, is_chord_body=False)
    if attempt.lost_part is not None:
        chords.fail_part(attempt.lost_part, attempt.id, attempt.number, attempt.root_id)


def _let_the_next_of_its_key_go(attempt: Attempt) -> None:
    # Not for every job: a wake-up for each settled one would keep the relays busy with nothing.
    if attempt.order_key is not None:
        wakeup.wake_relays()


def _keep_refusals(attempt: Attempt, refusals: list[continuation.Refusal]) -> None:
    for refusal in refusals:
        _keep_error(
            attempt, replace(judge.describe(refusal.error), fate=Fate.REFUSED, message=refusal.reason)
        )


def _keep_error(attempt: Attempt, failure: Failure) -> None:
    JobError.objects.create(
        job_id=attempt.id,
        attempt=attempt.number,
        worker=attempt.worker,
        fate=failure.fate,
        error_class=failure.error_class,
        error_module=failure.error_module,
        error_args=failure.error_args,
        message=cut(storable(failure.message), settings.JOB_ERROR_MAX_CHARS),
        traceback=failure.traceback,
    )


def _held(settled: bool, attempt: Attempt) -> None:
    if not settled:
        raise LeaseLost(attempt.id)
