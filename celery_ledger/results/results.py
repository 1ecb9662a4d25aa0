"""Celery's result objects, for whom a set of results is one query.

Celery's own ask for each member of a group alone, also while they wait for the body of a chord: a thousand queries
every half a second, and no timeout holds.
"""

from typing import Any

from celery import states
from celery.exceptions import ChordError
from celery.result import AsyncResult, GroupResult, ResultSet


class LedgerResult(AsyncResult):  # type: ignore[type-arg]  # generic in celery-types alone
    """The result of one job."""

    backend: Any

    def _maybe_reraise_parent_error(self) -> None:
        parents = list(self._parents())  # type: ignore[attr-defined]  # celery-types does not know it
        for failed in self.backend.fetch(reversed(parents), only_failed=True):
            failed.maybe_throw()


class _OneQuery:
    """Questions to a set of results, each of which loads its members together."""

    results: Any
    backend: Any

    def successful(self) -> bool:
        """Return whether all members succeeded."""
        return all(status == states.SUCCESS for status in self._statuses())

    def failed(self) -> bool:
        """Return whether a member failed."""
        return any(status == states.FAILURE for status in self._statuses())

    def ready(self) -> bool:
        """Return whether all members are done."""
        return all(status in states.READY_STATES for status in self._statuses())

    def waiting(self) -> bool:
        """Return whether a member is not done."""
        return not self.ready()

    def completed_count(self) -> int:
        """Return how many members succeeded."""
        return sum(status == states.SUCCESS for status in self._statuses())

    def maybe_throw(self, callback: Any = None, propagate: bool = True) -> None:
        """Raise the error of the first member that failed."""
        self.backend.fetch(self.results)
        for result in self.results:
            if isinstance(result, ResultSet) or result._cache is not None:  # noqa: SLF001 - Celery's own cache
                result.maybe_throw(callback=callback, propagate=propagate)

    maybe_reraise = maybe_throw

    def _statuses(self) -> list[str]:
        self.backend.fetch(self.results)
        return [status for result in self.results for status in _statuses_of(result)]


class LedgerResultSet(_OneQuery, ResultSet):
    """Results that somebody put together."""


class LedgerGroupResult(_OneQuery, GroupResult):
    """The results of a group."""

    def join_native(self, *args: Any, **options: Any) -> Any:
        """Return the results of all members. Of a group behind a chord that failed, raises what failed in it."""
        try:
            return super().join_native(*args, **options)
        except ChordError:
            parent = self.parent
            while parent is not None:
                for failed in self.backend.fetch([parent], only_failed=True):
                    failed.maybe_throw()
                parent = parent.parent
            raise


def _statuses_of(result: Any) -> list[str]:
    if isinstance(result, ResultSet):
        return [status for member in result.results or () for status in _statuses_of(member)]
    return [result._cache["status"] if result._cache else states.PENDING]  # noqa: SLF001 - as above
