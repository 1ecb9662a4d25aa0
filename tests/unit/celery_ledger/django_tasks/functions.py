"""Functions of a project that knows Django's tasks and no Celery."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from django.test import override_settings

from celery_ledger.current import current_job
from celery_ledger.django_tasks.interface import TaskContext, task
from celery_ledger.errors import Permanent, Transient

TASKS = {
    "default": {"BACKEND": "celery_ledger.django_tasks.LedgerBackend", "QUEUES": ["maintenance", "mail"]}
}

#: What the functions have done, in this process.
calls: list[Any] = []


class Odd(Exception):
    """An error whose text cannot be made."""

    def __str__(self):
        raise RuntimeError("no text")


def plain(x: int) -> None:
    """Is no task, and only looks like one."""
    calls.append(x)


def with_tenant(function: Callable[..., Any]) -> Callable[..., Any]:
    """Call the function with one argument more than the caller gives."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function("a tenant", *args, **kwargs)

    return call


with override_settings(TASKS=TASKS):

    @task(queue_name="maintenance")
    def add(x: int, y: int = 1) -> int:
        calls.append((x, y))
        return x + y

    @task(queue_name="maintenance")
    async def add_later(x: int, y: int) -> int:
        return x + y

    @task(queue_name="maintenance")
    async def wait_long(seconds: float) -> str:
        calls.append("started")
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            calls.append("cancelled")
            raise
        finally:
            calls.append("ended")
        return "waited"

    @task(queue_name="maintenance")
    def name_of_job() -> str:
        return current_job().name

    @task(queue_name="maintenance")
    async def name_of_job_later() -> str:
        return current_job().name

    @task(queue_name="maintenance", takes_context=True)
    def tell(context: TaskContext, word: str) -> list[Any]:
        result = context.task_result
        return [result.id, context.attempt, result.status, word]

    @task(queue_name="maintenance")
    def give_back(value: Any) -> Any:
        return value

    @task(queue_name="maintenance")
    @with_tenant
    def tell_tenant(tenant: str, word: str) -> list[str]:
        return [tenant, word]

    @task(queue_name="maintenance")
    def tell_the_time() -> datetime:
        return datetime(2040, 1, 1, tzinfo=UTC)

    @task(queue_name="maintenance")
    def give_back_a_function() -> Any:
        calls.append("ran")
        return lambda: None

    @task(queue_name="maintenance")
    def fail(kind: str) -> None:
        calls.append(kind)
        kinds = {
            "transient": Transient("not yet"),
            "permanent": Permanent("never"),
            "bug": ValueError("a bug"),
            "nested": ValueError(ValueError("inside")),
            "odd": Odd(),
            "exit": SystemExit("gone"),
            "interrupt": KeyboardInterrupt("pressed"),
        }
        raise kinds[kind]

    @task(queue_name="maintenance")
    def enqueue_another(fails: bool) -> str:
        result = add.enqueue(1, 2)
        if fails and current_job().attempt == 1:
            raise Transient("after it")
        return result.id

    @task(queue_name="maintenance")
    async def enqueue_another_later() -> str:
        return (await add.aenqueue(1, 2)).id

    hidden = task(queue_name="maintenance")(plain)
