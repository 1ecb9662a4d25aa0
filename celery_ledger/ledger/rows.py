"""The rows of the ledger as statements take and return them."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class NewJob:
    """A job as it is asked for. `run_at`: ISO 8601, due then or `delay_seconds` from now, whichever is later.

    `expires_at`, `expires_seconds`: likewise, whichever is earlier; None for a job that does not expire.
    `priority`: the lower number is published first.
    """

    id: str
    name: str
    queue: str
    args: list[Any]
    kwargs: dict[str, Any]
    canvas: dict[str, Any]
    headers: dict[str, Any]
    max_attempts: int
    run_at: str | None
    delay_seconds: float
    order_key: str | None
    unique_key: str | None
    share_key: str | None
    root_id: str
    parent_id: str | None
    group_id: str | None
    group_index: int | None
    request_id: str
    priority: int = 0
    expires_at: str | None = None
    expires_seconds: float | None = None


@dataclass(frozen=True)
class NewChain:
    """The steps of a long chain, the last one first."""

    id: str
    root_id: str
    steps: list[Any]


@dataclass(frozen=True)
class Published:
    """A due job, marked as published and now to be sent."""

    id: str
    name: str
    queue: str
    headers: dict[str, Any]
    attempts: int


@dataclass(frozen=True)
class Claimed:
    """A job that this worker has just claimed."""

    id: str
    name: str
    queue: str
    args: list[Any]
    kwargs: dict[str, Any]
    canvas: dict[str, Any]
    attempts: int
    max_attempts: int
    attempts_before: int
    claim_token: UUID
    worker: str
    order_key: str | None
    share_key: str | None
    root_id: str
    group_id: str | None
    group_index: int | None
    request_id: str
    priority: int = 0
    ignore_result: bool | None = None


@dataclass(frozen=True)
class Held:
    """A running job whose row is locked for settling it from outside its own attempt."""

    id: str
    name: str
    canvas: dict[str, Any]
    attempts: int
    max_attempts: int
    attempts_before: int
    #: None of one that was cancelled while it waited.
    claim_token: UUID
    worker: str
    order_key: str | None
    root_id: str
    group_id: str | None
    group_index: int | None
    cancel_requested: bool


@dataclass(frozen=True)
class Call:
    """What was asked for with a job: task, arguments, what follows, its group, and the first job of its family."""

    name: str
    args: list[Any]
    kwargs: dict[str, Any]
    canvas: dict[str, Any]
    group_id: str | None
    root_id: str
