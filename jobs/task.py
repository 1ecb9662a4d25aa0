"""What every task of the ledger has, and how a running one replaces itself."""

from typing import Any, NoReturn

from celery.canvas import Signature
from celery.contrib.django.task import DjangoTask
from celery.exceptions import Ignore
from django.db import transaction

from jobs import queries
from jobs.current import current_job
from jobs.errors import Cancelled, LeaseLost, LedgerError, Permanent


class JobTask(DjangoTask):  # type: ignore[type-arg]  # generic in celery-types alone
    """A task whose runs are jobs of the ledger: the base of `@job`, and of every `@app.task` and `@shared_task`."""

    abstract = True
    # Acknowledged when the worker starts it: the lease, not the broker, brings back what a dead worker held.
    # Measured and explained in config/brokers.py.
    acks_late = False
    # Outcomes, not surprises: Celery reports them without a traceback.
    throws = (Permanent, Cancelled, LeaseLost)

    job_queue: str | None = None
    rate_limit_name: str | None = None
    atomic = False
    job_max_attempts: int | None = None
    job_retry_base_seconds: float | None = None
    #: Whether a body that failed runs again without having asked for it. Celery's tasks do not: they need not be
    #: safe to repeat. `@job` sets it.
    retries_failures = False

    def replace(self, sig: Signature) -> Any:
        """Make this job another one, under its own id: the last of a canvas, for which it waits if that is not at once.

        All that the canvas asks for is written, or nothing.
        """
        if self.request.is_eager:
            return super().replace(sig)
        job = current_job()
        with transaction.atomic():
            super().replace(sig)
            if job is not None and not job.replaced:
                job.replaced = queries.await_replacement(job.id, job.token)
        raise Ignore("replaced")

    def on_replace(self, sig: Signature) -> Any:
        """Ask for the replacement. Celery's own would raise Ignore here, and so roll it back."""
        if self.request.is_eager:
            return super().on_replace(sig)
        return sig.apply_async()

    def add_to_chord(self, sig: Signature, lazy: bool = False) -> NoReturn:
        """Refuse: a chord's size is fixed when it is asked for."""
        raise LedgerError(f"{self.name}: add_to_chord is not offered: replace the task by a group or a chord")
