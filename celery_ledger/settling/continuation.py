"""What follows a settled job: its callbacks, the next step of its chain, its errbacks.

Enqueued in the transaction that settles, so there is no crash between them. Ids are fixed before,
so a second settling asks for the same jobs and the ledger takes each once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import structlog
from celery import current_app
from celery.canvas import Signature

from celery_ledger.asking import chains
from celery_ledger.asking.signatures import Node
from celery_ledger.ledger import outages
from celery_ledger.settling import failures

log = structlog.get_logger(__name__)

#: The parts of a job's canvas, as Celery puts them into its message.
Canvas = dict[str, Any]


@dataclass(frozen=True)
class Refusal:
    """A job that could not be enqueued after another one, and why: its queue or task was removed since, for example."""

    task: str
    error: Exception
    is_next_step: bool = False

    @property
    def reason(self) -> str:
        """One line for the ledger and the log."""
        return f"{self.task} cannot follow: {type(self.error).__name__}: {self.error}"


def enqueue_next(job_id: str, root_id: str, canvas: Canvas, result: Any) -> list[Refusal]:
    """Enqueue the callbacks of a job that succeeded and the next step of its chain; returns what is refused.

    The job has succeeded all the same: its body must not run again because of what follows it.
    """
    family: dict[str, Any] = {"parent_id": job_id, "root_id": root_id}
    refusals = [
        _send_or_refuse(callback, (result,), fallback_id=_id(job_id, "callback", number), **family)
        for number, callback in enumerate(canvas.get("callbacks") or ())
    ]
    chain = canvas.get("chain") or []
    if chain:
        refusals.append(_enqueue_step(chain, result, family))
    return [refusal for refusal in refusals if refusal is not None]


def enqueue_errbacks(
    errbacks: Iterable[Node], job_id: str, occasion: str, root_id: str, failed_id: str | None = None
) -> list[Refusal]:
    """Enqueue errbacks of a job that is dead, each with the job's id unless its arguments are fixed.

    One that takes the failure itself is handed that when it runs (`celery_ledger.settling.failures`).
    `failed_id`: the id that they are handed instead, that of a chord's body which is not reached.
    Returns what is refused: the job must be buried all the same, or nothing could settle it.
    Twice on one occasion: nothing happens. A job retried by hand that dies again is another one.
    """
    refusals = [
        _send_or_refuse(
            *failures.prepared(errback, failed_id or job_id),
            task_id=_id(job_id, occasion, number),
            parent_id=job_id,
            root_id=root_id,
        )
        for number, errback in enumerate(errbacks)
    ]
    return [refusal for refusal in refusals if refusal is not None]


def send_body(body: Node, results: list[Any]) -> Refusal | None:
    """Enqueue a chord's body with the results of its header; returns its refusal, None where it is enqueued."""
    error = outages.isolated(lambda: Signature.from_dict(dict(body), app=current_app).apply_async((results,)))
    return None if error is None else _refusal(body, error)


def _enqueue_step(rest: list[Node], result: Any, family: dict[str, Any]) -> Refusal | None:
    def send() -> None:
        step, others = chains.next_step(rest)
        _send(step, (result,), chain=others, **family)

    error = outages.isolated(send)
    return None if error is None else _refusal(rest[-1], error, is_next_step=True)


def _send_or_refuse(signature: Node, args: tuple[Any, ...], **options: Any) -> Refusal | None:
    error = outages.isolated(lambda: _send(signature, args, **options))
    return None if error is None else _refusal(signature, error)


def _refusal(signature: Node, error: Exception, *, is_next_step: bool = False) -> Refusal:
    refusal = Refusal(str(signature.get("task", "the next step")), error, is_next_step)
    log.error("follower_refused", task=refusal.task, reason=refusal.reason)
    return refusal


def _send(signature: Node, args: tuple[Any, ...], *, fallback_id: str | None = None, **options: Any) -> None:
    ready = Signature.from_dict(dict(signature), app=current_app).clone()
    if fallback_id is not None and not ready.options.get("task_id"):
        options["task_id"] = fallback_id
    ready.apply_async(args, add_to_parent=False, **options)


def _id(job_id: str, occasion: str, number: int) -> str:
    return str(uuid5(NAMESPACE_OID, f"{job_id}/{occasion}/{number}"))
