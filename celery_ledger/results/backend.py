"""Celery's result backend on the ledger: what a job returned, and how its chords are counted."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

import structlog
from celery import current_app, states
from celery.backends.base import BaseBackend
from celery.exceptions import TimeoutError as CeleryTimeoutError
from celery.result import ResultSet
from django.db import connections

from celery_ledger import control
from celery_ledger.asking import signatures
from celery_ledger.models import Job
from celery_ledger.settling import chords, outcomes
from celery_ledger.states import UNFINISHED, JobState
from celery_ledger.values import wire

log = structlog.get_logger(__name__)

#: The first wait for a result; each next one is half as long again, up to the caller's `interval`.
FIRST_WAIT_SECONDS = 0.02

Meta = dict[str, Any]


class LedgerBackend(BaseBackend):
    """Reads results from job rows. Writes nothing: `JobTask` has settled before Celery asks."""

    supports_autoexpire = (
        True  # celery_ledger.operations.retention deletes; else beat would add a task of its own
    )
    supports_native_join = True  # a result set is one query

    def on_task_call(  # type: ignore[override]  # celery-types says None; Celery itself returns {}
        self, producer: object, task_id: str
    ) -> dict[str, Any]:
        """Prepare nothing: results are polled from the database."""
        return {}

    def mark_as_started(self, *_args: Any, **_options: Any) -> None:
        """Do nothing: the claim has recorded it."""

    mark_as_done = mark_as_failure = mark_as_retry = mark_as_started

    def store_result(self, task_id: str, result: Any, state: str, *_args: Any, **_options: Any) -> None:
        """Keep a state of the task's own (`update_state`, `abort`) with a job that is not finished.

        Of any other id nothing is stored, and a warning says so. What Celery itself stores is settled already.
        """
        if state == states.STARTED and isinstance(result, dict) and result.keys() == {"pid", "hostname"}:
            return
        meta = self.prepare_exception(result) if isinstance(result, Exception) else result
        own = wire.to_json(wire.OwnState(state, meta))
        if not Job.objects.filter(pk=task_id, state__in=UNFINISHED).update(result=own):
            log.warning(
                "state_not_stored", job_id=task_id, state=state, reason="no unfinished job has this id"
            )

    def _forget(self, task_id: str) -> None:
        Job.objects.filter(pk=task_id, state=JobState.SUCCEEDED).update(result=None)

    def mark_as_revoked(self, task_id: str, *_args: Any, **_options: Any) -> None:
        """Cancel the job that Flower or `celery control revoke` names. Called in the worker's parent process."""
        control.cancel(task_id)
        # A connection left open here would be shared by every pool process forked later.
        connections.close_all()

    def _get_task_meta_for(self, task_id: str) -> Meta:
        return _with_children(self.metas_of([task_id])[task_id])

    def metas_of(self, task_ids: Iterable[str], *, only_failed: bool = False) -> dict[str, Meta]:
        """Return what Celery knows of each id, in a few queries however many they are."""
        found = outcomes.of(task_ids, only_failed=only_failed)
        return {task_id: self._meta(outcome) for task_id, outcome in found.items()}

    def get_many(  # noqa: PLR0913 - Celery's signature
        self,
        task_ids: Iterable[str],
        timeout: float | None = None,
        interval: float = 0.5,
        no_ack: bool = True,
        on_message: Callable[[Meta], object] | None = None,
        on_interval: Callable[[], object] | None = None,
        max_iterations: int | None = None,
        **_options: Any,
    ) -> Iterator[tuple[str, Meta]]:
        """Yield id and meta of each job that is done, all that are done by one query. Raises TimeoutError."""
        waiting = list(dict.fromkeys(task_ids))
        if not waiting:
            return
        for round_number, _ in enumerate(_rounds(timeout, interval, on_interval), 1):
            metas = self.metas_of(waiting)
            ready = [task_id for task_id in waiting if metas[task_id]["status"] in states.READY_STATES]
            for task_id in ready:
                if on_message is not None:
                    on_message(metas[task_id])
                yield task_id, metas[task_id]
            waiting = [task_id for task_id in waiting if task_id not in set(ready)]
            if not waiting or round_number == max_iterations:
                return

    def iter_native(  # type: ignore[override]  # noqa: PLR0913 - Celery's signature; celery-types says None
        self,
        result: Any,
        timeout: float | None = None,
        interval: float = 0.5,
        no_ack: bool = True,
        on_message: Callable[[Meta], object] | None = None,
        on_interval: Callable[[], object] | None = None,
    ) -> Iterator[tuple[str, Any]]:
        """Yield the members of a set as they are done, last those that are sets themselves."""
        leaves = {str(leaf.id): leaf for leaf in _leaves(result)}
        alone = {str(member.id) for member in result.results if not isinstance(member, ResultSet)}
        ready = self.get_many(leaves, timeout, interval, on_message=on_message, on_interval=on_interval)
        for task_id, meta in ready:
            leaves[task_id]._maybe_set_cache(meta)  # noqa: SLF001 - Celery's own cache
            if task_id in alone:
                yield task_id, meta
        for member in result.results:
            if isinstance(member, ResultSet):
                yield member.id, member.results  # type: ignore[attr-defined]  # a group's has one

    def wait_for(
        self,
        task_id: str,
        timeout: float | None = None,
        interval: float = 0.5,
        no_ack: bool = True,
        on_interval: Callable[[], object] | None = None,
    ) -> Meta:
        """Wait for one job. Raises TimeoutError when the time is over, queries included."""
        [(_, meta)] = self.get_many([task_id], timeout, interval, on_interval=on_interval)
        meta = _with_children(meta)
        if on_interval is not None and meta["status"] in states.PROPAGATE_STATES:
            # What failed before it says more than that it was not reached.
            on_interval()
        return meta

    def fetch(self, results: Iterable[Any], *, only_failed: bool = False) -> list[Any]:
        """Load all that is done, or failed, among these results and their members together; return the failed ones."""
        leaves = [leaf for result in results for leaf in _leaves(result)]
        unknown = {str(leaf.id): leaf for leaf in leaves if leaf._cache is None}  # noqa: SLF001 - Celery's own cache
        if unknown:
            for task_id, meta in self.metas_of(unknown, only_failed=only_failed).items():
                unknown[task_id]._maybe_set_cache(meta)  # noqa: SLF001 - as above
        return [leaf for leaf in leaves if leaf._cache and leaf._cache["status"] in states.PROPAGATE_STATES]  # noqa: SLF001 - as above

    def _meta(self, outcome: outcomes.Outcome) -> Meta:
        result = outcome.result
        if outcome.error is not None:
            result = self.exception_to_python(outcome.error)
        return {
            "task_id": outcome.id,
            "name": outcome.name,
            "status": outcome.status,
            "result": result,
            "traceback": outcome.traceback,
            "date_done": outcome.date_done,
            "retries": outcome.retries,
            "children": [],
        }

    def save_group(self, group_id: str, result: Any) -> None:
        """Refuse: the members of a group are jobs, and their ids are what a caller keeps."""
        raise _no_groups("save", group_id)

    def restore_group(self, group_id: str, cache: bool = True) -> NoReturn:
        """Refuse: nothing was saved."""
        raise _no_groups("restore", group_id)

    def delete_group(self, group_id: str) -> None:
        """Refuse: nothing was saved."""
        raise _no_groups("delete", group_id)

    def apply_chord(self, header_result_args: tuple[str, list[Any]], body: Any, **_options: Any) -> None:
        """Keep the chord's body, in the caller's transaction, before its header is asked for."""
        signatures.check_tree(current_app, body, gets_result=True)
        group_id, header = header_result_args
        chords.open_chord(group_id, dict(body), header)

    def set_chord_size(self, group_id: str, chord_size: int) -> None:
        """Record how many parts the header has."""
        chords.set_size(group_id, chord_size)

    def add_to_chord(self, chord_id: str, result: Any) -> None:
        """Make the chord of a running job wait for one more."""
        chords.add_part(chord_id, result.id)


def _no_groups(act: str, group_id: str) -> NotImplementedError:
    return NotImplementedError(
        f"GroupResult.{act}() is not offered: keep the ids of the group's results ({group_id})"
    )


def _with_children(meta: Meta) -> Meta:
    if meta["status"] in states.READY_STATES and meta["name"] is not None:
        # By the family's index; the form is Celery's own, of AsyncResult.as_tuple.
        root_id = Job.objects.filter(pk=meta["task_id"]).values("root_id")
        family = Job.objects.filter(root_id__in=root_id, parent_id=meta["task_id"]).order_by("seq")
        meta["children"] = [((str(child), None), None) for child in family.values_list("pk", flat=True)]
    return meta


def _leaves(result: Any) -> Iterator[Any]:
    if isinstance(result, ResultSet):
        for member in result.results or ():
            yield from _leaves(member)
    else:
        yield result


def _rounds(
    timeout: float | None, interval: float, on_interval: Callable[[], object] | None
) -> Iterator[None]:
    """Yield at once and then after each wait, until the time is over by the clock."""
    deadline = None if timeout is None else time.monotonic() + timeout
    wait = min(FIRST_WAIT_SECONDS, interval)
    while True:
        yield
        if on_interval is not None:
            on_interval()
        left = wait if deadline is None else deadline - time.monotonic()
        if left <= 0:
            raise CeleryTimeoutError("The operation timed out.")
        time.sleep(min(wait, left))  # noqa: TID251 - the caller waits for a result
        wait = min(interval, wait * 1.5)
