"""A delivered message, top to bottom: let through, claim, run, settle. `settling.outcome` judges failures."""

import os
from collections.abc import Callable
from contextlib import nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NoReturn
from uuid import uuid4

import structlog
from billiard.einfo import ExceptionInfo
from celery import states
from celery.app.trace import TraceInfo, trace_ok_t
from celery.exceptions import Ignore, Retry, WorkerTerminate
from django.conf import settings
from django.db import Error, close_old_connections, connection, transaction
from structlog.contextvars import bound_contextvars

from celery_ledger import faultpoints
from celery_ledger.asking import asked_times, policy
from celery_ledger.current import CurrentJob, running
from celery_ledger.errors import Permanent
from celery_ledger.ledger import claims, rows, wakeup
from celery_ledger.ledger.outages import is_outage
from celery_ledger.running import heartbeat, limits, sessions
from celery_ledger.settling import failures, outcome, settle
from celery_ledger.values import wire

log = structlog.get_logger(__name__)

Body = Callable[[], Any]

#: What the tracer of a task is called with: id, arguments, keyword arguments, the message's headers.
Tracer = Callable[[str, list[Any], dict[str, Any], dict[str, Any] | None], Any]

_delivered: ContextVar["Delivery | None"] = ContextVar("delivered", default=None)


@dataclass
class Delivery:
    """A job that a message brought and that this process has claimed. `has_begun`: its attempt is being settled."""

    task: Any
    claimed: rows.Claimed
    use: limits.Use
    job: CurrentJob
    has_begun: bool = False

    def attempt(self, body: Body) -> Any:
        """Run the body and settle the job, whatever the body does; return its result or raise what Celery is to see."""
        try:
            with running(self.job):
                result = self._run_and_settle(body)
        except WorkerTerminate:
            _hand_back(self.claimed)
            raise
        except BaseException as error:
            if outcome.ends_process(error):
                raise
            raise outcome.of_failure(error, settle.Attempt.of(self.claimed), self.job) from None
        finally:
            sessions.close_changed()
            heartbeat.of_this_process().forget(self.job)
        return outcome.of_return(result, self.job)

    def _run_and_settle(self, body: Body) -> Any:
        request = self.task.request
        # Task.replace hands these on to its successor; they are taken back before Celery's tracer looks.
        lent = {word: self.claimed.canvas.get(word) for word in ("callbacks", "errbacks", "chain", "chord")}
        request.update(lent)
        try:
            with transaction.atomic() if self.task.atomic else nullcontext():
                result = self._result_of(body)
                faultpoints.reach("run.ran")
                outcome.settle_return(settle.Attempt.of(self.claimed), result, self.job)
        finally:
            request.update(dict.fromkeys(lent))
        faultpoints.reach("run.committed")
        return result

    def _result_of(self, body: Body) -> Any:
        try:
            self._refuse_mark()
            with sessions.kept_clean():
                return body()
        except Ignore:
            # Let out of the transaction, it would roll back the replacement, or what the body did before it.
            self.job.is_ignored = not self.job.replaced
        finally:
            limits.end(self.use)
        return None

    def _refuse_mark(self) -> None:
        mark = wire.mark_in(self.claimed.args[:1])
        if mark is not None:
            raise Permanent(f"its argument is {mark}")


def tracer_of_jobs(task: Any, tracer: Tracer) -> Tracer:
    """Return a tracer that claims the job and calls Celery's with the job's arguments; a message has none."""

    def trace(
        uuid: str, _args: list[Any], _kwargs: dict[str, Any], request: dict[str, Any] | None = None
    ) -> Any:
        with bound_contextvars(job_id=str(uuid), name=task.name):
            return _trace(task, tracer, str(uuid), request or {})

    return trace


def begin(task: Any) -> Delivery | None:
    """Return the delivery whose attempt this call of the task is; None for every other call of it."""
    delivered = _delivered.get()
    if delivered is None or delivered.has_begun or task.request.is_eager:
        return None
    if task is not delivered.task or task.request.id != delivered.claimed.id:
        return None
    delivered.has_begun = True
    return delivered


def worker_name(node: str, pid: int | None = None) -> str:
    """Return the name under which a worker process claims."""
    return f"{node}/{pid or os.getpid()}"


def _trace(task: Any, tracer: Tracer, job_id: str, request: dict[str, Any]) -> Any:
    if not connection.in_atomic_block:  # a test's, which would end with the connection
        close_old_connections()
    faultpoints.reach("run.delivered")
    try:
        delivered = _take(task, job_id, str(request.get("hostname")))
    except (Ignore, Retry) as end:
        state = states.IGNORED if isinstance(end, Ignore) else states.RETRY
        return trace_ok_t(ExceptionInfo(internal=True), TraceInfo(state, end), None, None)
    claimed = delivered.claimed
    reset = _delivered.set(delivered)
    try:
        # A task that runs functions of other names (`celery_ledger.django_tasks`) has jobs of those names.
        with bound_contextvars(
            name=claimed.name,
            attempt=claimed.attempts,
            queue=claimed.queue,
            request_id=claimed.request_id,
        ):
            log.info("job_claimed")
            if claimed.share_key is not None:
                wakeup.wake_relays()  # for the next of its key
            faultpoints.reach("run.claimed")
            return _traced(delivered, tracer, request)
    finally:
        _delivered.reset(reset)


def _traced(delivered: Delivery, tracer: Tracer, request: dict[str, Any]) -> Any:
    claimed = delivered.claimed
    keeper = heartbeat.of_this_process()
    keeper.watch(delivered.job)
    try:
        traced = tracer(
            claimed.id, _args_of(claimed, request), claimed.kwargs, _request_of(delivered, request)
        )
    except BaseException as error:
        if delivered.has_begun or outcome.ends_process(error):
            raise
        traced = trace_ok_t(ExceptionInfo(internal=True), TraceInfo(states.FAILURE, error), None, None)
    finally:
        keeper.forget(delivered.job)
    if not delivered.has_begun:
        # `before_start` or a receiver of a signal raised: the body has not run, and the attempt failed all the same.
        outcome.of_failure(traced.info.retval, settle.Attempt.of(claimed), delivered.job)
    return traced


def _args_of(claimed: rows.Claimed, request: dict[str, Any]) -> list[Any]:
    failed_id = request.get(failures.HEADER)
    return claimed.args if failed_id is None else failures.with_failure(claimed.args, str(failed_id))


def _request_of(delivered: Delivery, request: dict[str, Any]) -> dict[str, Any]:
    """Return the headers of the message with what the ledger knows better."""
    claimed, info = delivered.claimed, request.get("delivery_info") or {}
    return {
        **request,
        "args": claimed.args,
        "kwargs": claimed.kwargs,
        "retries": delivered.job.retries,
        **asked_times.of_request(request),
        "delivery_info": {
            **info,
            "priority": policy.priority_of(claimed.priority),
            "redelivered": claimed.attempts - claimed.attempts_before > 1,
        },
    }


def _take(task: Any, job_id: str, hostname: str) -> Delivery:
    use = _let_through(task, job_id)
    claimed = None
    try:
        claimed = _try_to_claim(job_id, worker_name(hostname))
    finally:
        if claimed is None:
            limits.give_back(use)
    if claimed is None:
        _drop(job_id)
    return Delivery(task, claimed, use, _current_job_of(claimed))


def _let_through(task: Any, job_id: str) -> limits.Use:
    """Take a use of the provider's rate, or put the job back, no attempt spent, where it is used up."""
    longest_seconds = float(task.time_limit or settings.JOB_LEASE_SECONDS)
    use = limits.take(task.rate_limit_name, job_id, longest_seconds=longest_seconds)
    if use.wait_seconds > 0:
        claims.postpone(job_id, use.wait_seconds)
        wakeup.wake_relays()
        log.info("job_postponed", limit=task.rate_limit_name, seconds=round(use.wait_seconds, 3))
        raise Retry("over the rate limit", when=use.wait_seconds)  # type: ignore[arg-type]  # numbers.Real has no types
    return use


def _try_to_claim(job_id: str, worker: str) -> rows.Claimed | None:
    token, lease_seconds = uuid4(), settings.JOB_LEASE_SECONDS
    # The claim itself shows whether the session still lives: Django need not ask beforehand, job for job.
    connection.health_check_done = True  # type: ignore[attr-defined]  # django-stubs lacks it
    try:
        return claims.claim(job_id, token, worker, lease_seconds)
    except Error as error:
        if not is_outage(error) or connection.is_usable():
            raise
        connection.close()
        return claims.claim(job_id, token, worker, lease_seconds)


def _hand_back(claimed: rows.Claimed) -> None:
    """Return the job of a worker that stops under its own body (`-P solo`); it costs no attempt."""
    # The body may have been interrupted in the midst of a statement.
    connection.close()
    claims.hand_back(claimed.id, claimed.worker)
    log.info("job_handed_back")


def _drop(job_id: str) -> NoReturn:
    """End a delivery that brings no job: a second one, a cancelled job's, or one whose key is taken."""
    if claims.line_up(job_id):
        wakeup.wake_relays()
    log.info("delivery_dropped")
    raise Ignore


def _current_job_of(claimed: rows.Claimed) -> CurrentJob:
    is_first = claimed.attempts - claimed.attempts_before == 1
    retries, asked_retries = (0, 0) if is_first else claims.retries_of(claimed.id, claimed.attempts_before)
    return CurrentJob(
        id=claimed.id,
        name=claimed.name,
        queue=claimed.queue,
        attempt=claimed.attempts,
        max_attempts=claimed.max_attempts,
        root_id=claimed.root_id,
        request_id=claimed.request_id or None,
        token=claimed.claim_token,
        retries=retries,
        asked_retries=asked_retries,
    )
