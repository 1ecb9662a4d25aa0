"""The backend that a project names in the setting `TASKS`.

Imports no model: a project may declare tasks in any module, also in one that Django loads before the models.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.checks import CheckMessage

from celery_ledger.django_tasks import declared
from celery_ledger.django_tasks.interface import AnyResult, AnyTask, BaseTaskBackend, task_enqueued
from celery_ledger.django_tasks.options import Options


class LedgerBackend(BaseTaskBackend):
    """Makes each enqueued task a job of the ledger, which a Celery worker runs."""

    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self.run_options = Options.read(alias, self.options)

    def enqueue(self, task: AnyTask, args: Sequence[Any], kwargs: Mapping[str, Any]) -> AnyResult:
        """Write a job into the ledger, in the current transaction.

        Raises InvalidTask for a task that no worker could find or in a queue that is not there, TypeError for wrong
        arguments or values that no JSON can hold.
        Twice: inside a job, a repeated attempt enqueues the same jobs again and nothing happens.
        """
        from celery_ledger.django_tasks import asking  # noqa: PLC0415 - imports models

        self.validate_task(task)
        # Whoever calls this method may name a task of another backend.
        own = declared.as_enqueued(task, backend=self.alias)
        result = asking.enqueue(own, args, kwargs, self.run_options)
        task_enqueued.send(type(self), task_result=result)
        return result

    def get_result(self, result_id: str) -> AnyResult:
        """Return the result as the ledger has it now. Raises TaskResultDoesNotExist."""
        from celery_ledger.django_tasks import results  # noqa: PLC0415 - imports models

        return results.of(result_id)

    def check(self, **_options: Any) -> Iterable[CheckMessage]:
        """Return what in the settings keeps tasks of this backend from running."""
        from celery_ledger.django_tasks import checks  # noqa: PLC0415 - imports the application

        return checks.of_backend(self.alias, self.queues)
