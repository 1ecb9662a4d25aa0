"""The one door: every way to ask Celery for a task ends in `app.amqp.send_task_message`, and that writes a row.

`delay`, `apply_async`, `send_task`, chain, group, chord and its body, `link`, `link_error`, `Task.replace`,
beat and Flower's apply all come through here. Nothing in this module talks to the broker;
`celery_ledger.publishing.publisher` does.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from types import TracebackType
from typing import Any
from uuid import uuid4

import structlog
from celery import current_app
from celery.app.amqp import AMQP
from celery.signals import after_task_publish, before_task_publish
from django.db import transaction

from celery_ledger import faultpoints
from celery_ledger.asking import asked_times, chains, options
from celery_ledger.asking.policy import MAX_HEADERS_BYTES, max_attempts_of, rank_of
from celery_ledger.current import AskedRetry, CurrentJob, current_job
from celery_ledger.errors import LedgerError
from celery_ledger.ledger import inserts, rows, wakeup
from celery_ledger.values import wire
from celery_ledger.values.texts import storable

#: The length of Job.request_id.
MAX_REQUEST_ID_CHARS = 64

log = structlog.get_logger(__name__)

#: Jobs that one statement writes.
BATCH = 1000

#: Options that say how a message is published. The relay publishes a wake-up in its own way, whatever they say.
_TRANSPORT_OPTIONS = frozenset({
    "compression", "confirm_timeout", "connection", "content_encoding", "content_type", "declare", "delivery_mode",
    "exchange_type", "expiration", "immediate", "mandatory", "origin", "producer", "publisher",
    "redelivered", "retry", "retry_policy", "serializer", "timeout",
})  # fmt: skip
#: What Celery's sender gets and does not send: the headers have it already, or it is a signature's (which Celery puts
#: among the options of an errback for a chord's header).
_UNSENT_OPTIONS = frozenset({"argsrepr", "kwargsrepr", "immutable"})


class LedgerAMQP(AMQP):
    """Celery's message factory with a sender that enqueues."""

    def _create_task_sender(self) -> Callable[..., None]:
        return enqueue_message

    def collector(self, producer: object) -> AbstractContextManager["LedgerProducer"]:
        """Return what collects the jobs of a call: the one of the call that this one is part of, or a new one."""
        return nullcontext(producer) if isinstance(producer, LedgerProducer) else LedgerProducer()


class LedgerProducer:
    """Stands for the producer of one call: the jobs that the call asks for are written together when it ends.

    Celery hands the producer of a group to each of its parts, so a group of thousands is a few statements.
    """

    #: Celery's eager mode asks for it.
    serializer = "json"

    def __init__(self) -> None:
        self._jobs: list[rows.NewJob] = []
        self._chains: list[rows.NewChain] = []

    @property
    def connection(self) -> "LedgerProducer":
        """Return itself: Celery wants to translate the errors of a connection to a broker."""
        return self

    def _reraise_as_library_errors(self) -> AbstractContextManager[None]:
        return nullcontext()

    def __enter__(self) -> "LedgerProducer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        if kind is None:
            self.write()

    def add(self, job: rows.NewJob) -> None:
        """Take a job to be written."""
        rest = job.canvas.get("chain") or []
        if chains.is_long(rest):
            stored = rows.NewChain(str(uuid4()), job.root_id, chains.all_steps(rest))
            self._chains.append(stored)
            job = replace(
                job, canvas={**job.canvas, "chain": [chains.reference(stored.id, len(stored.steps))]}
            )
        self._jobs.append(job)

    def write(self) -> None:
        """Write all jobs, or none where one is refused."""
        jobs, stored = self._jobs, self._chains
        self._jobs, self._chains = [], []
        if not jobs:
            return
        with transaction.atomic() if len(jobs) > 1 or stored else nullcontext():
            if stored:
                inserts.insert_chains(stored)
            for start in range(0, len(jobs), BATCH):
                _write(jobs[start : start + BATCH])


def enqueue_message(  # noqa: PLR0913 - Celery's signature, and the ledger's options by name
    producer: object,
    name: str,
    message: tuple[dict[str, Any], dict[str, Any], tuple[Any, Any, dict[str, Any]], dict[str, Any] | None],
    *,
    queue: object = None,
    exchange: object = None,
    routing_key: str | None = None,
    headers: Mapping[str, Any] | None = None,
    priority: int | None = None,
    run_at: str | None = None,
    delay_seconds: float | None = None,
    expires_at: str | None = None,
    expires_seconds: float | None = None,
    order_key: str | None = None,
    unique_key: str | None = None,
    share_key: str | None = None,
    job_name: str | None = None,
    rank: int | None = None,
    max_attempts: int | None = None,
    **other_options: object,
) -> None:
    """Write a finished Celery message into the ledger, in the current transaction.

    `job_name`, `rank`, `max_attempts`: columns of a job whose task runs functions of other names
    (`celery_ledger.django_tasks`), in place of the task's name, of what `priority` means to Celery, and of the setting.
    """
    name = job_name or name
    own_headers, _properties, (args, kwargs, canvas), _sent_event = message
    _refuse_unsupported(name, other_options)
    own_headers.update(headers or {})
    own_headers.update(
        asked_times.headers(
            run_at=run_at,
            delay_seconds=delay_seconds,
            expires_at=expires_at,
            expires_seconds=expires_seconds,
        )
    )
    for word in ("argsrepr", "kwargsrepr"):
        own_headers[word] = storable(own_headers.get(word) or "")  # Celery leaves a NUL among bytes as it is.
    # Others put their context (trace, request) into the headers here: it is the caller's, not the relay's.
    before_task_publish.send(
        sender=name, body=(args, kwargs, canvas), headers=own_headers, properties=_properties
    )
    _refuse_large(name, own_headers)
    # A route may name the exchange and the routing key, and no queue or another one.
    leads_to = options.queue_name(
        current_app,
        name,
        queue=None if routing_key or exchange else queue,
        exchange=exchange,
        routing_key=routing_key,
    )
    job = replace(
        _new_job(name, own_headers, [list(args), dict(kwargs), _ledger_canvas(canvas)]),
        queue=leads_to or "",
        run_at=run_at,
        delay_seconds=delay_seconds or 0.0,
        order_key=order_key,
        unique_key=unique_key,
        share_key=share_key,
        priority=rank_of(priority) if rank is None else rank,
        max_attempts=max_attempts or max_attempts_of(name),
        expires_at=expires_at,
        expires_seconds=expires_seconds,
    )
    if own_headers.get("retries"):
        _ask_for_retry(job, current_job())
        return
    with nullcontext(producer) if isinstance(producer, LedgerProducer) else LedgerProducer() as collector:
        collector.add(job)
    after_task_publish.send(
        sender=name, body=(args, kwargs, canvas), headers=own_headers, exchange="", routing_key=job.queue
    )


def _write(jobs: Sequence[rows.NewJob]) -> None:
    written = inserts.insert_jobs(jobs)
    if written:
        wakeup.wake_relays()
    for job in jobs:
        if job.id not in written:
            _replace_or_let_be(job)
        faultpoints.reach("enqueue.written")


def _new_job(name: str, headers: dict[str, Any], body: list[Any]) -> rows.NewJob:
    args, kwargs, canvas = body
    return rows.NewJob(
        id=headers["id"],
        name=name,
        queue="",
        args=args,
        kwargs=kwargs,
        canvas=canvas,
        headers=_plain(headers),
        max_attempts=0,
        run_at=None,
        delay_seconds=0.0,
        order_key=None,
        unique_key=None,
        share_key=None,
        root_id=headers.get("root_id") or headers["id"],
        parent_id=headers.get("parent_id"),
        group_id=headers.get("group"),
        group_index=headers.get("group_index"),
        request_id=_request_id(),
    )


def _request_id() -> str:
    # Whatever a project binds under that name: it is a mark in the log, and no reason to refuse a job.
    request_id = structlog.contextvars.get_contextvars().get("request_id") or ""
    return storable(str(request_id))[:MAX_REQUEST_ID_CHARS]


def _ledger_canvas(canvas: Mapping[str, Any]) -> dict[str, Any]:
    kept = {word: value for word, value in canvas.items() if value}
    if "chord" in kept:
        # Each part of a header carries a copy of the body; the ledger keeps it once (`celery_ledger.settling.chords`).
        kept["chord"] = True
    return kept


def _replace_or_let_be(job: rows.NewJob) -> None:
    # The id exists. Asked for by itself or by its own chord: Task.replace. Asked for twice: nothing to do.
    current = current_job()
    if current is not None and current.id == job.id:
        current.replaced = inserts.replace_running(job, current.token)
    elif not inserts.replace_awaiting(job) and job.unique_key is None:
        _answer_another_call(job, is_repeatable=current is not None)


def _answer_another_call(job: rows.NewJob, *, is_repeatable: bool) -> None:
    """Answer a call whose id is taken: the same call with the first one, another one as below.

    A part of another group is another call, and so is one that something else follows: what waits for it would wait
    without end. Of the same task with the same arguments it runs again, as in Celery, once the first one is finished.
    Raises LedgerError for any other.
    """
    first = inserts.call_of(job.id)
    if first is None:
        return
    args, kwargs, canvas = wire.loads(wire.dumps([job.args, job.kwargs, job.canvas]))
    is_same_task = (first.name, first.args, first.kwargs) == (job.name, args, kwargs)
    if is_same_task and first.group_id == job.group_id and _same(canvas, first.canvas):
        return
    # An earlier attempt of the running job may have asked, with a clock or a random number among the arguments and
    # with other ids for what follows.
    may_be_the_first = is_repeatable and (first.root_id == job.root_id or not canvas)
    if not may_be_the_first:
        # The arguments of a step that follows are a result.
        if (is_same_task or is_repeatable) and inserts.run_again(job):
            wakeup.wake_relays()
            return
        raise LedgerError(f"{job.name}: task id {job.id} belongs to another call; each call needs its own id")
    if not is_same_task:
        log.warning("job_enqueued_before", job_id=job.id, name=job.name)


def _same(canvas: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(
        canvas.get(word) == other.get(word)
        if word != "chain"
        else chains.all_steps(canvas.get(word) or []) == chains.all_steps(other.get(word) or [])
        for word in canvas.keys() | other.keys()
    )


def _ask_for_retry(job: rows.NewJob, current: CurrentJob | None) -> None:
    # Task.retry sends its own task again, under its own id: settled with the attempt, not written beside it.
    if current is None or current.id != job.id:
        raise LedgerError(f"{job.name}: only the running job itself can be retried")
    current.retry_asked = AskedRetry(
        delay_seconds=job.delay_seconds,
        run_at=job.run_at,
        queue=job.queue,
        args=job.args,
        kwargs=job.kwargs,
        headers=job.headers,
    )


def _refuse_unsupported(name: str, others: Mapping[str, object]) -> None:
    for option in others.keys() - _TRANSPORT_OPTIONS - _UNSENT_OPTIONS:
        if others[option] is not None:
            raise LedgerError(
                f"{name}: the option {option!r} is not known; a job's own data goes into `headers`"
            )


def _refuse_large(name: str, headers: Mapping[str, Any]) -> None:
    size = len(json.dumps(headers))
    if size > MAX_HEADERS_BYTES:
        raise LedgerError(f"{name}: headers of {size} bytes; {MAX_HEADERS_BYTES} at most go with a message")


def _plain(value: Any) -> Any:
    """Return headers as JSON gives them back. Raises TypeError for what a message cannot bear."""
    wire.dumps(value)
    return json.loads(json.dumps(value))
