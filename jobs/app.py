"""The Celery application whose tasks go through the ledger."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from celery import Celery
from celery.canvas import Signature, _chain, _chord, group
from django.utils import timezone

from jobs.bootstep import RelayStep
from jobs.current import current_job
from jobs.errors import Undeclared


class JobsApp(Celery):
    """Celery with the ledger as its only way out: `JobsApp("config")` is all that a project writes."""

    amqp_cls = "jobs.amqp:LedgerAMQP"
    task_cls = "jobs.task:JobTask"

    def __init__(self, main: str, **options: Any) -> None:
        super().__init__(main, backend="jobs.backend:LedgerBackend", **options)
        self.steps["worker"].add(RelayStep)

    def send_task(  # type: ignore[override]  # the rest of Celery's 25 parameters passes through by name
        self,
        name: str,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        countdown: float | None = None,
        eta: datetime | str | None = None,
        task_id: str | None = None,
        **options: Any,
    ) -> Any:
        """Enqueue a task by name: the choke point of every way to ask for one.

        Raises Undeclared for an unknown name and TypeError for wrong arguments, through the whole canvas,
        in the asker's traceback and not minutes later in a worker.
        """
        self._check(name, args or (), kwargs or {}, options)
        # Times are a column of the ledger. Left to Celery they would be held in a worker's memory.
        if countdown or eta:
            options["run_at"] = _instant(countdown, eta)
        job = current_job()
        if task_id is None and job is not None:
            task_id = job.child_id(name)
        return super().send_task(name, args, kwargs, task_id=task_id, **options)

    def _check(
        self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], options: Mapping[str, Any]
    ) -> None:
        task = self.tasks.get(name)
        if task is None:
            raise Undeclared(f"no task is declared with the name {name!r}")
        task.__header__(*args, **kwargs)
        for word in ("link", "link_error", "chain", "chord"):
            for signature in _signatures(options.get(word)):
                if signature.task not in self.tasks:
                    raise Undeclared(
                        f"{name}: its {word} names {signature.task!r}, which no task is declared with"
                    )


def _instant(countdown: float | None, eta: datetime | str | None) -> str:
    if countdown:
        return (timezone.now() + timedelta(seconds=countdown)).isoformat()
    return eta if isinstance(eta, str) else eta.isoformat()  # type: ignore[union-attr]  # one of the two is given


def _signatures(value: Any) -> Iterator[Signature]:
    """Yield every plain signature inside a signature, or inside a list of them."""
    match value:
        case None:
            return
        case list() | tuple():
            parts = value
        case _chord():
            parts = [value.tasks, value.body]
        case _chain() | group():
            parts = value.tasks
        case _:
            signature = Signature.from_dict(value)
            if type(signature) is not Signature and hasattr(signature, "tasks"):
                yield from _signatures(signature)
                return
            yield signature
            parts = [signature.options.get("link"), signature.options.get("link_error")]
    for part in parts:
        yield from _signatures(part)
