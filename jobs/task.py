"""A run of a job, top to bottom: let through, claim, run, judge, settle."""

import os
import time
from contextlib import nullcontext
from typing import Any, NoReturn
from uuid import uuid4

import structlog
from celery.canvas import Signature
from celery.contrib.django.task import DjangoTask
from celery.exceptions import Ignore, Retry
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection, transaction
from structlog.contextvars import bound_contextvars

from jobs import chains, faultpoints, heartbeat, limits, queries, settle, wakeup
from jobs.current import CurrentJob, current_job, running
from jobs.errors import Cancelled, LeaseLost, Permanent
from jobs.judge import Failure, Fate, describe

log = structlog.get_logger(__name__)

#: How long a finished job waits before it asks again for a database that is away.
SETTLE_AGAIN_SECONDS = 0.2


class JobTask(DjangoTask):  # type: ignore[type-arg]  # generic in celery-types alone
    """A task whose runs are jobs of the ledger. Declared by `@job`, never by hand.

    The message that brings a worker here is a wake-up with an id: arguments and canvas come from the claim,
    so Celery's own tracer finds nothing to continue and nothing to store.
    """

    abstract = True
    # Acknowledged when the worker starts it: the lease, not the broker, brings back what a dead worker held.
    # Measured and explained in config/brokers.py.
    acks_late = False
    # Outcomes, not surprises: Celery reports them without a traceback.
    throws = (Permanent, Cancelled, LeaseLost)
    Request = "jobs.request:JobRequest"

    job_queue: str | None = None
    rate_limit_name: str | None = None
    atomic = False
    job_max_attempts: int | None = None
    job_retry_base_seconds: float | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the job that a message has named; called directly, as tests do, run the body alone."""
        if self.request.called_directly:
            return self.run(*args, **kwargs)
        close_old_connections()
        job_id = str(self.request.id)
        with bound_contextvars(job_id=job_id, name=self.name):
            faultpoints.reach("run.delivered")
            use = self._let_through(job_id)
            claimed = self._claim(job_id, use)
            with bound_contextvars(
                attempt=claimed.attempts, queue=claimed.queue, request_id=claimed.request_id
            ):
                return self._attempt(claimed, use)

    def replace(self, sig: Signature) -> NoReturn:
        """Make this job another one, under its own id: the last of a canvas, for which it waits if that is not at once.

        All that the canvas asks for is written, or nothing.
        """
        job = current_job()
        # Celery appends what follows in the chain to the replacement, step by step.
        rest: Any = self.request.chain or []
        self.request.chain = chains.all_steps(rest)  # type: ignore[assignment]  # celery-types says str
        with transaction.atomic():
            super().replace(sig)
            if job is not None and not job.replaced:
                job.replaced = queries.await_replacement(job.id, job.token)
        raise Ignore("replaced")

    def on_replace(self, sig: Signature) -> None:
        """Ask for the replacement. Celery's own would raise Ignore here, and so roll it back."""
        sig.apply_async()

    def _drop(self, job_id: str) -> NoReturn:
        """End a delivery that brings no job: a second one, a cancelled job's, or one whose key is taken."""
        if queries.line_up(job_id):
            wakeup.wake_relays()
        log.info("delivery_dropped")
        raise Ignore

    def _let_through(self, job_id: str) -> limits.Use:
        """Take a use of the provider's rate, or put the job back, no attempt spent, where it is used up."""
        longest_seconds = float(self.time_limit or settings.JOB_LEASE_SECONDS)
        use = limits.take(self.rate_limit_name, job_id, longest_seconds=longest_seconds)
        if use.wait_seconds > 0:
            queries.postpone(job_id, use.wait_seconds)
            wakeup.wake_relays()
            log.info("job_postponed", limit=self.rate_limit_name, seconds=round(use.wait_seconds, 3))
            raise Retry("over the rate limit", when=use.wait_seconds)  # type: ignore[arg-type]  # numbers.Real has no types
        return use

    def _claim(self, job_id: str, use: limits.Use) -> queries.Claimed:
        """Claim the job; where it is not to be had, the use goes back and the delivery ends here."""
        claimed = None
        try:
            claimed = self._try_to_claim(job_id)
        finally:
            if claimed is None:
                limits.give_back(use)
        return claimed or self._drop(job_id)

    def _try_to_claim(self, job_id: str) -> queries.Claimed | None:
        worker = worker_name(str(self.request.hostname))
        token, lease_seconds = uuid4(), settings.JOB_LEASE_SECONDS
        # The claim itself shows whether the session still lives: Django need not ask beforehand, job for job.
        connection.health_check_done = True  # type: ignore[attr-defined]  # django-stubs lacks it
        try:
            return queries.claim(job_id, token, worker, lease_seconds)
        except (OperationalError, InterfaceError):
            if connection.is_usable():
                raise
            connection.close()
            return queries.claim(job_id, token, worker, lease_seconds)

    def _attempt(self, claimed: queries.Claimed, use: limits.Use) -> Any:
        """Run a claimed job to its end."""
        job = CurrentJob(
            id=claimed.id,
            name=claimed.name,
            queue=claimed.queue,
            attempt=claimed.attempts,
            max_attempts=claimed.max_attempts,
            root_id=claimed.root_id,
            request_id=claimed.request_id or None,
            token=claimed.claim_token,
        )
        log.info("job_claimed")
        faultpoints.reach("run.claimed")
        keeper = heartbeat.of_this_process()
        keeper.watch(job)
        try:
            with running(job):
                result = self._run_and_settle(claimed, job, use)
        except Exception as error:
            raise _outcome_of(error, claimed) from error
        finally:
            keeper.forget()
        if job.replaced:
            log.info("job_replaced")
            raise Ignore("replaced")
        log.info("job_succeeded")
        return result

    def _run_and_settle(self, claimed: queries.Claimed, job: CurrentJob, use: limits.Use) -> Any:
        # Task.replace hands these on to its successor; they are taken back before Celery's tracer looks.
        lent = {word: claimed.canvas.get(word) for word in ("callbacks", "errbacks", "chain", "chord")}
        self.request.update(lent)
        try:
            with transaction.atomic() if self.atomic else nullcontext():
                result = self._result_of_body(claimed, job, use)
                faultpoints.reach("run.ran")
                if not job.replaced:
                    _succeed(settle.Attempt.of(claimed), result)
        finally:
            self.request.update(dict.fromkeys(lent))
        faultpoints.reach("run.committed")
        return result

    def _result_of_body(self, claimed: queries.Claimed, job: CurrentJob, use: limits.Use) -> Any:
        try:
            return self.run(*claimed.args, **claimed.kwargs)
        except Ignore:
            # Let out of the transaction, it would roll the replacement back.
            if not job.replaced:
                raise
        finally:
            limits.end(use)
        return None


def worker_name(node: str, pid: int | None = None) -> str:
    """Return the name under which a worker process claims."""
    return f"{node}/{pid or os.getpid()}"


def _succeed(attempt: settle.Attempt, result: Any) -> None:
    """Settle a success; where the database is away, as soon as it is back and while the lease lasts.

    The body is done, and what it did outside the database, a mail say, can't be taken back: a session that ends in just
    this moment must not make it run again. Settled without our knowing, it is not ours any more: raises LeaseLost.
    """
    gives_up_at = time.monotonic() + settings.JOB_LEASE_SECONDS
    while True:
        try:
            return settle.succeed(attempt, result)
        except (OperationalError, InterfaceError):
            # Inside the body's own transaction there is nothing left to settle: its effect went with the session.
            if connection.in_atomic_block or connection.is_usable() or time.monotonic() > gives_up_at:
                raise
            log.warning("settling_again")
            connection.close()
            time.sleep(SETTLE_AGAIN_SECONDS)  # noqa: TID251 - an outage ends by itself; this process has nothing else to do


def _outcome_of(error: Exception, claimed: queries.Claimed) -> Exception:
    """Settle a failed attempt and return what Celery is to see of it."""
    failure = describe(error)
    try:
        return _settle_failure(failure, settle.Attempt.of(claimed), error)
    except LeaseLost:
        log.warning("job_superseded", reason=failure.message)
        return Ignore()


def _settle_failure(failure: Failure, attempt: settle.Attempt, error: Exception) -> Exception:
    if failure.fate is Fate.SUPERSEDED:
        raise LeaseLost(attempt.id)
    if failure.fate is Fate.CANCELLED:
        settle.cancel(attempt)
        return _cancelled()
    verdict = settle.fail(attempt, failure)
    if verdict.is_cancelled:
        return _cancelled()
    unexpected = failure.fate is Fate.BUG
    if verdict.retry_in_seconds is None:
        log.error(
            "job_dead", fate=failure.fate, reason=failure.message, exc_info=error if unexpected else None
        )
        return error
    report = log.error if unexpected else log.warning
    seconds = round(verdict.retry_in_seconds, 3)
    report(
        "job_retrying",
        fate=failure.fate,
        reason=failure.message,
        seconds=seconds,
        exc_info=unexpected and error,
    )
    # Shows as RETRY in Flower and in Celery's metrics; publishes nothing, run_at does that.
    return Retry(failure.message, exc=error, when=verdict.retry_in_seconds)  # type: ignore[arg-type]  # as above


def _cancelled() -> Ignore:
    log.info("job_cancelled")
    return Ignore()
