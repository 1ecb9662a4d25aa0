"""What becomes of a failed attempt: a value, decided here and nowhere else."""

import json
import traceback
from dataclasses import dataclass
from typing import Any

from celery.exceptions import MaxRetriesExceededError, Reject, SoftTimeLimitExceeded
from celery.utils.serialization import UnpickleableExceptionWrapper
from django.conf import settings

from celery_ledger.errors import Cancelled, Fate, LeaseLost, Permanent, Transient
from celery_ledger.ledger.outages import is_outage
from celery_ledger.settling.retry import retry_delay_seconds
from celery_ledger.values import wire
from celery_ledger.values.texts import cut, printable

#: The length of JobError.error_class.
MAX_CLASS_CHARS = 200


@dataclass(frozen=True)
class Failure:
    """One failed attempt as it is recorded."""

    fate: Fate
    error_class: str
    message: str
    traceback: str = ""
    retry_after: float | None = None
    #: Whether the body itself said that another attempt may succeed.
    is_asked_for: bool = False
    #: Whether it asked for no wait.
    is_immediate: bool = False
    #: With `error_class`, what an exception of the same type is made from for whoever waits for the result.
    error_module: str = ""
    error_args: list[Any] | None = None


@dataclass(frozen=True)
class Verdict:
    """The outcome of a failed attempt: wait so many seconds and retry, or (None) be dead or cancelled."""

    retry_in_seconds: float | None
    is_cancelled: bool = False

    @property
    def is_dead(self) -> bool:
        """True where no further attempt will be made, and nobody had asked for that."""
        return self.retry_in_seconds is None and not self.is_cancelled


#: What is kept of one argument of an exception.
MAX_ARG_CHARS = 2000

#: Fates that cost no wait: the body is not known to be at fault, its worker is.
_AT_ONCE = frozenset({Fate.LOST})

#: Fates of a body that is at fault. Celery does not run it again unless the body asked for that.
_BODYS_OWN = frozenset({Fate.TRANSIENT, Fate.BUG, Fate.TIMEOUT})


def describe(error: BaseException) -> Failure:
    """Sort an exception into its fate. Raises nothing, whatever the exception's own methods do."""
    name, module, given = type(error).__name__, type(error).__module__, _args_of(error)
    if isinstance(error, UnpickleableExceptionWrapper):
        name, module, given = str(error.exc_cls_name), str(error.exc_module), error.exc_args or ()
    name = cut(name, MAX_CLASS_CHARS)
    return Failure(
        fate=_fate_of(error),
        error_class=name,
        message=cut(printable(error, str) or name, settings.JOB_ERROR_MAX_CHARS),
        traceback=cut(printable(error, formatted), settings.JOB_ERROR_MAX_CHARS),
        retry_after=_seconds_asked_for(error),
        is_asked_for=isinstance(error, Transient | Reject),
        is_immediate=isinstance(error, Reject),
        error_module=cut(module, MAX_CLASS_CHARS),
        error_args=[_stored_arg(arg) for arg in given],
    )


def formatted(error: BaseException) -> str:
    """Return the traceback of an exception as Python prints it."""
    return "".join(traceback.format_exception(error))


def judge(  # noqa: PLR0913 - facts, each by its name
    failure: Failure,
    *,
    attempt: int,
    max_attempts: int,
    base_seconds: float,
    max_seconds: float,
    jitter: float,
    only_asked_for: bool = False,
) -> Verdict:
    """Decide on a failed `attempt` (1, 2, ...) out of `max_attempts`; no wait is longer than `max_seconds`.

    `only_asked_for`: a failed body runs again only where it asked for that, as Celery documents it.
    """
    if failure.fate is Fate.PERMANENT or attempt >= max_attempts:
        return Verdict(None)
    if only_asked_for and failure.fate in _BODYS_OWN and not failure.is_asked_for:
        return Verdict(None)
    if failure.fate in _AT_ONCE or failure.is_immediate:
        return Verdict(0.0)
    delay = retry_delay_seconds(attempt, base_seconds=base_seconds, jitter=jitter)
    # A provider that names a time knows better than our doubling, unless it asks for less.
    return Verdict(min(max_seconds, max(delay, failure.retry_after or 0.0)))


def _seconds_asked_for(error: BaseException) -> float | None:
    if not isinstance(error, Transient) or error.retry_after is None:
        return None
    try:
        return float(error.retry_after)
    except (TypeError, ValueError, OverflowError):
        return None  # What a provider sent unread, such as a date.


def _args_of(error: BaseException) -> tuple[Any, ...]:
    # Not `error.args`: a class may have a property of that name, which may raise.
    descriptor: Any = BaseException.__dict__["args"]
    given: tuple[Any, ...] = descriptor.__get__(error)
    return given


def _stored_arg(arg: Any) -> Any:
    """Return an exception's argument as plain JSON; what is too large or cannot be written is replaced by its text."""
    try:
        text = wire.dumps(arg)
    except wire.Unwritable:
        return cut(printable(arg, str if isinstance(arg, str) else repr), MAX_ARG_CHARS)
    return json.loads(text) if len(text) <= MAX_ARG_CHARS else cut(printable(arg, str), MAX_ARG_CHARS)


def _fate_of(error: BaseException) -> Fate:  # noqa: PLR0911 - a table
    match error:
        case LeaseLost():
            return Fate.SUPERSEDED
        case Cancelled():
            return Fate.CANCELLED
        case Reject() if error.requeue:  # type: ignore[attr-defined]  # celery-types does not know it
            return Fate.TRANSIENT
        case Permanent() | MaxRetriesExceededError() | Reject():
            return Fate.PERMANENT
        case Transient():
            return Fate.TRANSIENT
        case SoftTimeLimitExceeded():
            return Fate.TIMEOUT
    # A deadlock, a serialization failure and a restarted server are the database's weather, not a bug.
    return Fate.TRANSIENT if is_outage(error) else Fate.BUG
