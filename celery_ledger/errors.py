"""The fates of a failed attempt. A gateway raises one of the first two; anything else is a bug."""

from enum import StrEnum


class LedgerError(Exception):
    """An error of the ledger itself, not of a job's body."""


class Transient(Exception):
    """Another attempt may succeed. `retry_after`: seconds that the provider asked us to wait."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[type["Transient"], tuple[str, float | None]]:
        # Celery pickles exceptions between worker processes; the default would drop `retry_after`.
        return type(self), (str(self), self.retry_after)


class Permanent(Exception):
    """No attempt will ever succeed. The reason is shown to the user who owns the work."""


class Cancelled(Exception):
    """Somebody asked for this job to stop; raised by `checkpoint()` inside it."""


class LeaseLost(Exception):
    """This attempt no longer holds the job: its effect must not be committed."""


class BodyFailed(Exception):
    """Stands for an exception of a body that cannot be handed on as it is: too long, not picklable, no Exception."""


class Undeclared(LedgerError, LookupError):
    """A task name that no `@job` line declares, or an option that the ledger does not know."""


class Fate(StrEnum):
    """Why an attempt failed. `RETRY`: its body called `self.retry()`."""

    TRANSIENT = "transient"
    PERMANENT = "permanent"
    BUG = "bug"
    TIMEOUT = "timeout"
    LOST = "lost"
    RETRY = "retry"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    #: Not of the attempt itself: what follows it could not be enqueued, or it could not be settled.
    REFUSED = "refused"
    SET_ASIDE = "set_aside"
