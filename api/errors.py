"""Refusals that a workflow raises and `api.answers` turns into an answer.

Plain exceptions: a workflow that says no must not know HTTP's libraries.
"""

from typing import Final

from celery_ledger import Transient

RETRY_AFTER_SECONDS: Final = 5


class Refused(Exception):
    """The request is understood and not granted; `detail` is for the person who asked."""

    status = 400

    def __init__(self, detail: str, *, field: str | None = None, status: int | None = None) -> None:
        """`field` names the input that is at fault and makes the answer `{field: [detail]}`."""
        super().__init__(detail)
        self.detail = detail
        self.field = field
        if status is not None:
            self.status = status


class Forbidden(Refused):
    """Who asks is known, and may not."""

    status = 403


class NotFound(Refused):
    """There is no such thing, or it is someone else's, which must look the same."""

    status = 404

    def __init__(self, detail: str = "Not found.") -> None:
        super().__init__(detail)


class Conflict(Refused):
    """The present state does not allow it."""

    status = 409


class TooMany(Refused):
    """Over a limit; may be asked again after `retry_after` seconds."""

    status = 429

    def __init__(self, detail: str = "Too many requests.", *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class StorageAway(Refused, Transient):
    """The bucket does not answer: 503 for who asks, and for a job a reason to try again."""

    status = 503

    def __init__(
        self,
        detail: str = "The store of files is not reachable. Please try again in a moment.",
        retry_after: float | None = RETRY_AFTER_SECONDS,
    ) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class BucketRefuses(Exception):
    """The bucket answers and will not have us: it is not there, or our key may not do that. An operator has to look."""

    def __init__(self, code: str) -> None:
        super().__init__(f"The bucket of STORAGE_URL refuses: {code}.")
        self.code = code

    def __reduce__(self) -> tuple[type["BucketRefuses"], tuple[str]]:
        return type(self), (self.code,)
