"""What comes of an attempt: settled in the ledger, and told to Celery in its own terms."""

import pickle
import signal
import time
from typing import Any

import structlog
from celery.exceptions import Ignore, Reject, Retry
from celery.result import ResultBase
from django.conf import settings
from django.db import Error, connection

from celery_ledger.current import AskedRetry, CurrentJob
from celery_ledger.errors import BodyFailed, Fate, LeaseLost
from celery_ledger.ledger.outages import is_outage
from celery_ledger.settling import settle
from celery_ledger.settling.judge import Failure, describe, formatted
from celery_ledger.values.texts import printable

log = structlog.get_logger(__name__)

#: How long a finished job waits before it asks again for a database that is away.
SETTLE_AGAIN_SECONDS = 0.2
#: A traceback so many times longer than what is kept of it is not handed on to Celery, which would log it whole.
TRACEBACK_FACTOR = 10


def settle_return(attempt: settle.Attempt, result: Any, job: CurrentJob) -> None:
    """Settle an attempt whose body returned: a success, or what it asked for instead."""
    if job.is_ignored:
        settle.ignore(attempt)
    elif job.retry_asked is not None:
        settle.retry(attempt, job.retry_asked, describe(Retry("the body asked for a retry")))
    elif not job.replaced:
        # Celery stores the result of another job, or of a group, as the ids that it is made of.
        _succeed(attempt, _ids_of(result) if isinstance(result, ResultBase) else result)


def of_return(result: Any, job: CurrentJob) -> Any:
    """Return the result of a settled attempt to Celery, or raise what it was instead of a success."""
    if job.is_ignored:
        log.info("job_ignored")
        raise Ignore
    if job.replaced:
        log.info("job_replaced")
        raise Ignore("replaced")
    if job.retry_asked is not None:
        log.info("job_retry_asked_for")
        raise Retry("the body asked for a retry", when=job.retry_asked.delay_seconds)  # type: ignore[arg-type]  # numbers.Real has no types
    log.info("job_succeeded")
    return result


def of_failure(error: BaseException, attempt: settle.Attempt, job: CurrentJob) -> Exception:
    """Settle a failed attempt and return what Celery is to see of it."""
    failure = describe(error)
    try:
        if isinstance(error, Retry) or job.retry_asked is not None:
            return _settle_asked_retry(failure, attempt, error, job)
        return _settle_failure(failure, attempt, error)
    except LeaseLost:
        log.warning("job_superseded", reason=failure.message)
        return Ignore()


def ends_process(error: BaseException) -> bool:
    """Whether this is how billiard ends a pool process on a signal: its parent settles the job."""
    if not isinstance(error, SystemExit) or not isinstance(error.code, int):
        return False
    return error.code + 256 in {number.value for number in signal.Signals}


def _succeed(attempt: settle.Attempt, result: Any) -> None:
    """Settle a success; where the database is away, as soon as it is back and while the lease lasts.

    The body is done, and what it did outside the database, a mail say, can't be taken back: a session that ends in just
    this moment must not make it run again. Settled without our knowing, it is not ours any more: raises LeaseLost.
    """
    gives_up_at = time.monotonic() + settings.JOB_LEASE_SECONDS
    while True:
        try:
            return settle.succeed(attempt, result)
        except Error as error:
            if not is_outage(error) or time.monotonic() > gives_up_at:
                raise
            # Inside the body's own transaction there is nothing left to settle: its effect went with the session.
            if connection.in_atomic_block or connection.is_usable():
                raise
            log.warning("settling_again")
            connection.close()
            time.sleep(SETTLE_AGAIN_SECONDS)  # noqa: TID251 - an outage ends by itself; this process has nothing else to do


def _ids_of(result: Any) -> Any:
    return result.as_tuple()


def _settle_asked_retry(
    failure: Failure, attempt: settle.Attempt, error: BaseException, job: CurrentJob
) -> Exception:
    cause = error.exc if isinstance(error, Retry) else error
    if cause is not None:
        failure = describe(cause)
    if not settle.retry(attempt, job.retry_asked or _retry_by_hand(error, job), failure):
        return _cancelled()
    log.info("job_retry_asked_for", reason=failure.message)
    seen = None if cause is None else _handed_on(cause, failure)
    if isinstance(error, Retry) and seen is error.exc:
        return error
    return Retry(failure.message, exc=seen, when=getattr(error, "when", None))


def _settle_failure(failure: Failure, attempt: settle.Attempt, error: BaseException) -> Exception:
    if failure.fate is Fate.SUPERSEDED:
        raise LeaseLost(attempt.id)
    if failure.fate is Fate.CANCELLED:
        settle.cancel(attempt)
        return _cancelled()
    verdict = settle.fail(attempt, failure)
    if verdict.is_cancelled:
        return _cancelled()
    seen = _handed_on(error, failure)
    unexpected = failure.fate is Fate.BUG
    facts: dict[str, Any] = {"fate": failure.fate, "reason": failure.message}
    if unexpected:
        facts |= {"exc_info": error} if seen is error else {"traceback": failure.traceback}
    if verdict.retry_in_seconds is None:
        log.error("job_dead", **facts)
        return seen
    report = log.error if unexpected else log.warning
    report("job_retrying", seconds=round(verdict.retry_in_seconds, 3), **facts)
    # Shows as RETRY in Flower and in Celery's metrics; publishes nothing, run_at does that.
    return Retry(failure.message, exc=seen, when=verdict.retry_in_seconds)  # type: ignore[arg-type]  # as above


def _retry_by_hand(error: BaseException, job: CurrentJob) -> AskedRetry:
    """Return the retry that `raise Retry(when=...)` asks for, without a call of `self.retry()`."""
    when = getattr(error, "when", None)
    seconds = float(when) if isinstance(when, int | float) else 0.0
    return AskedRetry(delay_seconds=max(0.0, seconds))


def _handed_on(error: BaseException, failure: Failure) -> Exception:
    """Return the exception that Celery reports and hands to `on_failure`: the body's own where that does no harm."""
    if isinstance(error, Reject):
        # The ledger has the job: the broker is not to deliver its message again.
        return Reject(failure.message, requeue=False)
    if isinstance(error, Exception) and _is_harmless(error):
        return error
    return BodyFailed(f"{failure.error_class}: {failure.message}")


def _is_harmless(error: Exception) -> bool:
    """Whether the exception can be printed, in reasonable length, and pickled for the worker's parent."""
    longest = settings.JOB_ERROR_MAX_CHARS
    if max(len(printable(error, str)), len(printable(error, repr))) > longest:
        return False
    if len(printable(error, formatted)) > longest * TRACEBACK_FACTOR:
        return False
    try:
        str(error), repr(error)
        pickle.dumps(error)
    except (pickle.PicklingError, TypeError, AttributeError):
        return True  # Celery has a wrapper for these.
    except BaseException:  # noqa: BLE001 - a body's own methods may raise anything
        return False
    return True


def _cancelled() -> Ignore:
    log.info("job_cancelled")
    return Ignore()
