"""The options of a call, checked before any SQL: a value that PostgreSQL refuses would end the caller's transaction."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from celery import Celery
from celery.exceptions import QueueNotFound
from celery.utils.time import maybe_make_aware

from celery_ledger.errors import LedgerError

_ID_OPTIONS = ("task_id", "root_id", "parent_id", "group_id")
_KEY_OPTIONS = ("order_key", "unique_key")
#: The lengths of the columns. Not read from the model: Celery imports the application before Django is set up.
MAX_KEY_CHARS = 200
MAX_QUEUE_CHARS = 64


def check(app: Celery, name: str, options: Mapping[str, Any]) -> None:
    """Raise TypeError, ValueError, QueueNotFound or LedgerError for options that no job can be written with."""
    for option in _ID_OPTIONS:
        if options.get(option) is not None:
            _check_id(name, option, options[option])
    for option in _KEY_OPTIONS:
        if options.get(option) is not None:
            _check_key(name, option, options[option])
    if options.get("countdown") is not None:
        seconds(name, "countdown", options["countdown"])
    if options.get("eta") is not None:
        moment(app, name, "eta", options["eta"])
    if options.get("queue") or options.get("exchange") or options.get("routing_key"):
        queue_name(app, name, **{word: options.get(word) for word in ("queue", "exchange", "routing_key")})


def seconds(name: str, option: str, value: Any) -> float:
    """Return a time from now as a number of seconds that leads to a moment which PostgreSQL and Python both know."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name}: {option} must be a number of seconds, not {value!r}")
    try:
        datetime.now(UTC) + timedelta(seconds=value)
    except (OverflowError, ValueError):
        raise ValueError(f"{name}: {option} of {value} seconds leads beyond the year 9999") from None
    return max(0.0, float(value))


def moment(app: Celery, name: str, option: str, value: datetime | str) -> str:
    """Return a moment in ISO 8601 with its zone; one without a zone is in the application's, as Celery reads it."""
    if not isinstance(value, datetime | str):
        raise TypeError(f"{name}: {option} must be a datetime, not {value!r}")
    try:
        given = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError(f"{name}: {option} must be a datetime or ISO 8601, not {value!r}") from None
    try:
        aware: datetime = maybe_make_aware(given, app.timezone).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{name}: {option} {value} lies outside the years 1 to 9999") from None
    return aware.isoformat()


def queue_name(app: Celery, name: str, *, queue: Any, exchange: Any, routing_key: str | None) -> str | None:
    """Return the queue to which these options lead, None where they are empty.

    Celery would create an unknown queue where `task_create_missing_queues` says so. An exchange and a routing key
    stand for the queue that is bound with them: the ledger publishes to queues by name.
    """
    if queue:
        found = str(getattr(queue, "name", queue))
        if found not in app.amqp.queues and not app.conf.task_create_missing_queues:
            raise QueueNotFound(f"{name}: queue {found!r} is not in task_queues")
    elif exchange or routing_key:
        found = _bound_queue(app, name, str(getattr(exchange, "name", exchange) or ""), routing_key)
    else:
        return None
    if len(found) > MAX_QUEUE_CHARS:
        raise ValueError(f"{name}: a queue's name has at most {MAX_QUEUE_CHARS} characters")
    return found


def _bound_queue(app: Celery, name: str, exchange: str, routing_key: str | None) -> str:
    for queue in app.amqp.queues.values():
        has_exchange = not exchange or queue.exchange.name == exchange
        if has_exchange and routing_key in (None, queue.routing_key) and queue.exchange.type == "direct":
            return str(queue.name)
    if not exchange and routing_key in app.amqp.queues:
        return str(routing_key)  # The default exchange leads to the queue of that name.
    raise LedgerError(
        f"{name}: no queue is bound to exchange {exchange!r} with routing key {routing_key!r}: name its queue"
    )


def _check_id(name: str, option: str, value: Any) -> None:
    try:
        UUID(str(value))
    except ValueError:
        raise ValueError(f"{name}: {option} must be a UUID, not {value!r}") from None


def _check_key(name: str, option: str, value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name}: {option} must be a string, not {value!r}")
    if len(value) > MAX_KEY_CHARS:
        raise ValueError(f"{name}: {option} has {len(value)} characters; {MAX_KEY_CHARS} at most are allowed")
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"{name}: {option} holds a character that cannot be stored")
