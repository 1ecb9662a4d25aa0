"""What becomes of a failed attempt: a value, decided here and nowhere else."""

import json
import traceback
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError
from kombu.utils.encoding import safe_repr

from jobs.errors import Cancelled, LeaseLost, Permanent, Transient
from jobs.retry import retry_delay_seconds


class Fate(StrEnum):
    """Why an attempt failed."""

    TRANSIENT = "transient"
    PERMANENT = "permanent"
    BUG = "bug"
    TIMEOUT = "timeout"
    LOST = "lost"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


@dataclass(frozen=True)
class Failure:
    """One failed attempt as it is recorded."""

    fate: Fate
    error_class: str
    message: str
    traceback: str = ""
    retry_after: float | None = None
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
MAX_ARG_BYTES = 2000

#: Fates that cost no wait: the body is not known to be at fault, its worker is.
_AT_ONCE = frozenset({Fate.LOST})


def describe(error: BaseException) -> Failure:
    """Sort an exception into its fate."""
    return Failure(
        fate=_fate_of(error),
        error_class=type(error).__name__,
        message=_storable(str(error) or type(error).__name__),
        traceback=_storable("".join(traceback.format_exception(error))),
        retry_after=error.retry_after if isinstance(error, Transient) else None,
        error_module=type(error).__module__,
        error_args=_plain_args(error),
    )


def judge(  # noqa: PLR0913 - facts, each by its name
    failure: Failure,
    *,
    attempt: int,
    max_attempts: int,
    base_seconds: float,
    max_seconds: float,
    jitter: float,
) -> Verdict:
    """Decide on a failed `attempt` (1, 2, ...) out of `max_attempts`; no wait is longer than `max_seconds`."""
    if failure.fate is Fate.PERMANENT or attempt >= max_attempts:
        return Verdict(None)
    if failure.fate in _AT_ONCE:
        return Verdict(0.0)
    delay = retry_delay_seconds(attempt, base_seconds=base_seconds, jitter=jitter)
    # A provider that names a time knows better than our doubling, unless it asks for less.
    return Verdict(min(max_seconds, max(delay, failure.retry_after or 0.0)))


def _plain_args(error: BaseException) -> list[Any]:
    """Return an exception's arguments as JSON keeps them; what is too large or no JSON is represented by its text."""
    return [_plain_arg(arg) for arg in error.args]


def _plain_arg(arg: Any) -> Any:
    try:
        text = json.dumps(arg, ensure_ascii=False, allow_nan=False)
        # What PostgreSQL's JSON does not take either: NUL, and half a surrogate pair.
        if len(text.encode()) <= MAX_ARG_BYTES and "\\u0000" not in text:
            return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        pass
    return _storable(arg if isinstance(arg, str) else safe_repr(arg))[:MAX_ARG_BYTES]


def _storable(text: str) -> str:
    # PostgreSQL takes neither NUL nor half a surrogate pair, and programs' output has both. A failure that can't be
    # written down could not be settled.
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()


def _fate_of(error: BaseException) -> Fate:
    match error:
        case LeaseLost():
            return Fate.SUPERSEDED
        case Cancelled():
            return Fate.CANCELLED
        case Permanent():
            return Fate.PERMANENT
        # A deadlock, a serialization failure and a restarted server are the database's weather, not a bug.
        case Transient() | OperationalError() | InterfaceError():
            return Fate.TRANSIENT
        case SoftTimeLimitExceeded():
            return Fate.TIMEOUT
    return Fate.BUG
