"""The one door: every way to ask Celery for a task ends in `app.amqp.send_task_message`, and that writes a row.

`delay`, `apply_async`, `send_task`, chain, group, chord and its body, `link`, `link_error`, `Task.replace`,
beat and Flower's apply all come through here. Nothing in this module talks to the broker; `jobs.publisher` does.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from celery.app.amqp import AMQP
from celery.signals import before_task_publish

from jobs import faultpoints, queries, wakeup
from jobs.current import CurrentJob, current_job
from jobs.errors import LedgerError
from jobs.policy import MAX_HEADERS_BYTES, max_attempts_of

#: Options of Celery's that promise what the ledger does otherwise.
_REFUSED = {"expires": "cancel the job instead"}


class LedgerAMQP(AMQP):
    """Celery's message factory with a sender that enqueues."""

    def _create_task_sender(self) -> Callable[..., None]:
        return enqueue_message


def enqueue_message(  # noqa: PLR0913 - Celery's signature, and the ledger's options by name
    producer: object,
    name: str,
    message: tuple[dict[str, Any], dict[str, Any], tuple[Any, Any, dict[str, Any]], dict[str, Any] | None],
    *,
    queue: object = None,
    headers: Mapping[str, Any] | None = None,
    run_at: str | None = None,
    delay_seconds: float | None = None,
    order_key: str | None = None,
    unique_key: str | None = None,
    **_transport_options: object,
) -> None:
    """Write a finished Celery message into the ledger, in the current transaction."""
    own_headers, _properties, (args, kwargs, canvas), _sent_event = message
    _refuse_unsupported(name, own_headers)
    own_headers.update(headers or {})
    # Others put their context (trace, request) into the headers here: it is the asker's, not the relay's.
    before_task_publish.send(
        sender=name, body=(args, kwargs, canvas), headers=own_headers, properties=_properties
    )
    _refuse_large(name, own_headers)
    job = _new_job(name, own_headers, _plain([list(args), dict(kwargs), _ledger_canvas(canvas)]))
    job = queries.NewJob(
        **{
            **vars(job),
            "queue": getattr(queue, "name", queue),
            "run_at": run_at,
            "delay_seconds": delay_seconds or 0.0,
            "order_key": order_key,
            "unique_key": unique_key,
        }
    )
    if queries.insert_job(job):
        wakeup.wake_relays()
    else:
        _replace_or_let_be(job, current_job())
    faultpoints.reach("enqueue.written")


def _new_job(name: str, headers: dict[str, Any], body: list[Any]) -> queries.NewJob:
    args, kwargs, canvas = body
    return queries.NewJob(
        id=headers["id"],
        name=name,
        queue="",
        args=args,
        kwargs=kwargs,
        canvas=canvas,
        headers=_plain(headers),
        max_attempts=max_attempts_of(name),
        run_at=None,
        delay_seconds=0.0,
        order_key=None,
        unique_key=None,
        root_id=headers.get("root_id") or headers["id"],
        parent_id=headers.get("parent_id"),
        group_id=headers.get("group"),
        group_index=headers.get("group_index"),
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
    )


def _ledger_canvas(canvas: Mapping[str, Any]) -> dict[str, Any]:
    kept = {word: value for word, value in canvas.items() if value}
    if "chord" in kept:
        # Each part of a header carries a copy of the body; the ledger keeps it once (`jobs.chords`).
        kept["chord"] = True
    return kept


def _replace_or_let_be(job: queries.NewJob, current: CurrentJob | None) -> None:
    # The id exists. Asked for by itself or by its own chord: Task.replace. Asked for twice: nothing to do.
    if current is not None and current.id == job.id:
        current.replaced = queries.replace_running(job, current.token)
    else:
        queries.replace_awaiting(job)


def _refuse_unsupported(name: str, headers: Mapping[str, Any]) -> None:
    if headers.get("retries"):
        raise LedgerError(f"{name}: raise Transient instead of calling retry()")
    for option, remedy in _REFUSED.items():
        if headers.get(option):
            raise LedgerError(f"{name}: {option} is not offered: {remedy}")


def _refuse_large(name: str, headers: Mapping[str, Any]) -> None:
    size = len(json.dumps(headers))
    if size > MAX_HEADERS_BYTES:
        raise LedgerError(f"{name}: headers of {size} bytes; {MAX_HEADERS_BYTES} at most go with a message")


def _plain(value: Any) -> Any:
    """Return the value as JSON gives it back. Raises TypeError for what JSON does not know."""
    return json.loads(json.dumps(value))
