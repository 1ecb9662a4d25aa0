"""What follows a settled job: its callbacks, the next step of its chain, its errbacks.

Enqueued in the transaction that settles, so there is no crash between them. Ids are fixed before,
so a second settling asks for the same jobs and the ledger takes each once.
"""

from collections.abc import Iterable
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import structlog
from celery import current_app
from celery.canvas import Signature

from jobs import chains
from jobs.errors import Undeclared
from jobs.signatures import Node

log = structlog.get_logger(__name__)

#: The parts of a job's canvas, as Celery puts them into its message.
Canvas = dict[str, Any]


def enqueue_next(job_id: str, root_id: str, canvas: Canvas, result: Any) -> None:
    """Enqueue the callbacks of a job that succeeded and the next step of its chain."""
    family = {"parent_id": job_id, "root_id": root_id}
    for number, callback in enumerate(canvas.get("callbacks") or ()):
        _send(callback, (result,), fallback_id=_id(job_id, "callback", number), **family)
    chain = canvas.get("chain") or []
    if chain:
        step, rest = chains.next_step(chain)
        _send(step, (result,), chain=rest, **family)


def enqueue_errbacks(
    errbacks: Iterable[Node], job_id: str, occasion: str, root_id: str, failed_id: str | None = None
) -> None:
    """Enqueue errbacks of a job that is dead, each with the job's id unless its arguments are fixed.

    `failed_id`: the id that they are handed instead, that of a chord's body which is not reached.
    Twice on one occasion: nothing happens. A job retried by hand that dies again is another one.
    """
    for number, errback in enumerate(errbacks):
        task_id = _id(job_id, occasion, number)
        try:
            _send(errback, (failed_id or job_id,), task_id=task_id, parent_id=job_id, root_id=root_id)
        except (Undeclared, TypeError) as error:
            # Its task was removed or changed since. The job must be buried all the same, or nobody could settle it.
            log.error(  # noqa: TRY400 - its traceback says nothing more
                "errback_refused", job_id=job_id, reason=str(error)
            )


def _send(signature: Node, args: tuple[Any, ...], *, fallback_id: str | None = None, **options: Any) -> None:
    ready = Signature.from_dict(dict(signature), app=current_app).clone()
    if fallback_id is not None and not ready.options.get("task_id"):
        options["task_id"] = fallback_id
    ready.apply_async(args, add_to_parent=False, **options)


def _id(job_id: str, occasion: str, number: int) -> str:
    return str(uuid5(NAMESPACE_OID, f"{job_id}/{occasion}/{number}"))
