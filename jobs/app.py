"""The Celery application whose tasks go through the ledger."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from celery import Celery

from jobs import signatures
from jobs.bootstep import RelayStep
from jobs.celery_repairs import repair_canvas
from jobs.current import current_job


class JobsApp(Celery):
    """Celery with the ledger as its only way out: `JobsApp("config")` is all that a project writes."""

    amqp_cls = "jobs.amqp:LedgerAMQP"
    task_cls = "jobs.task:JobTask"

    def __init__(self, main: str, **options: Any) -> None:
        repair_canvas()
        super().__init__(main, backend="jobs.backend:LedgerBackend", **options)
        self.steps["worker"].add(RelayStep)

    def send_task(  # type: ignore[override]  # noqa: PLR0913 - the rest of Celery's 25 parameters passes by name
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
        args, kwargs = args or (), kwargs or {}
        signatures.check_call(self, name, args, kwargs)
        self._check_followers(options)
        # Celery deprecates a task's own `queue`; ours is declared all the same.
        options["queue"] = options.get("queue") or getattr(self.tasks[name], "job_queue", None)
        # Times are a column of the ledger. Left to Celery they would be held in a worker's memory.
        if countdown:
            options["delay_seconds"] = countdown
        if eta:
            options["run_at"] = eta if isinstance(eta, str) else eta.isoformat()
        job = current_job()
        if task_id is None and job is not None:
            task_id = job.child_id(name)
        return super().send_task(name, list(args), dict(kwargs), task_id=task_id, **options)

    def _check_followers(self, options: Mapping[str, Any]) -> None:
        # A chord's body is checked once, with its chord (`LedgerBackend.apply_chord`), not with every part.
        for word in ("link", "link_error", "chain"):
            followers = options.get(word) or []
            for follower in [followers] if isinstance(followers, Mapping) else followers:
                signatures.check_tree(self, follower, gets_result=True)
