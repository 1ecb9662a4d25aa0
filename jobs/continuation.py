"""What follows a settled job: its callbacks, the next step of its chain, its errbacks.

Enqueued in the transaction that settles, so there is no crash between them. Ids are fixed before,
so a second settling asks for the same jobs and the ledger takes each once.
"""

from typing import Any
from uuid import NAMESPACE_OID, uuid5

from celery import current_app
from celery.canvas import maybe_signature

#: The parts of a job's canvas, as Celery puts them into its message.
Canvas = dict[str, Any]


def enqueue_next(job_id: str, root_id: str, canvas: Canvas, result: Any) -> None:
    """Enqueue the callbacks of a job that succeeded and the next step of its chain."""
    for number, callback in enumerate(canvas.get("callbacks") or ()):
        _send(callback, (result,), job_id, root_id, fallback_id=_id(job_id, "callback", number))
    chain = canvas.get("chain") or []
    if chain:
        # Celery keeps the rest of a chain with the next step last.
        _send(chain[-1], (result,), job_id, root_id, chain=chain[:-1])


def enqueue_errbacks(errbacks: list[Any], job_id: str, attempt: int, root_id: str | None = None) -> None:
    """Enqueue the errbacks of a job that is dead, each with the job's id unless its arguments are fixed.

    A job retried by hand that dies again calls them again: the id follows from the attempt.
    """
    for number, errback in enumerate(errbacks):
        fallback_id = _id(job_id, f"errback/{attempt}", number)
        _send(errback, (job_id,), job_id, root_id or job_id, fallback_id=fallback_id, fixed=True)


def _send(
    signature: Any,
    args: tuple[Any, ...],
    parent_id: str,
    root_id: str,
    *,
    fallback_id: str | None = None,
    fixed: bool = False,
    **options: Any,
) -> None:
    ready = maybe_signature(signature, app=current_app).clone()
    if fallback_id is not None and (fixed or not ready.options.get("task_id")):
        options["task_id"] = fallback_id
    ready.apply_async(args, parent_id=parent_id, root_id=root_id, add_to_parent=False, **options)


def _id(job_id: str, kind: str, number: int) -> str:
    return str(uuid5(NAMESPACE_OID, f"{job_id}/{kind}/{number}"))
