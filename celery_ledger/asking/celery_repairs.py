"""Repairs of Celery's canvas without which the ledger cannot keep its promises. Seen with celery 5.7.0."""

from functools import wraps
from typing import Any

from celery.canvas import _chain


def repair_canvas() -> None:
    """Apply the repairs. Twice: nothing more happens."""
    if not hasattr(_chain.run, "__wrapped__"):
        _chain.run = _leaving_no_id_behind(_chain.run)  # type: ignore[method-assign]  # the repair


def _leaving_no_id_behind(run: Any) -> Any:
    """Let each call of a chain have its own ids.

    Celery writes the id of the last task into the chain that it runs, and a second call of the same chain then
    gives that id to another task. Its result backends overwrite the first result; here it would be one job.
    """

    @wraps(run)
    def run_once(self: Any, /, *args: Any, **options: Any) -> Any:
        given = {word: self.options[word] for word in ("task_id",) if word in self.options}
        try:
            return run(self, *args, **options)
        finally:
            self.options.pop("task_id", None)
            self.options.update(given)

    return run_once
