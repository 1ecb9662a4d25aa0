"""What every task of the ledger has, and how a running one replaces itself."""

from typing import Any

from celery.canvas import Signature
from celery.contrib.django.task import DjangoTask
from celery.exceptions import Ignore
from django.db import transaction

from celery_ledger.asking import chains
from celery_ledger.current import current_job
from celery_ledger.errors import Cancelled, LeaseLost, Permanent
from celery_ledger.ledger import inserts


class JobTask(DjangoTask):  # type: ignore[type-arg]  # generic in celery-types alone
    """A task whose runs are jobs of the ledger: the base of `@job`, and of every `@app.task` and `@shared_task`."""

    abstract = True
    # Acknowledged when the worker starts it: the lease, not the broker, brings back what a dead worker held.
    # Measured and explained in celery_ledger/transports/brokers.py.
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
        # Celery appends what follows in the chain to the replacement, step by step.
        rest: Any = self.request.chain or []
        self.request.chain = chains.all_steps(rest)  # type: ignore[assignment]  # celery-types says str
        with transaction.atomic():
            super().replace(sig)
            if job is not None and not job.replaced:
                job.replaced = inserts.await_replacement(job.id, job.token)
        raise Ignore("replaced")

    def on_replace(self, sig: Signature) -> Any:
        """Ask for the replacement. Celery's own would raise Ignore here, and so roll it back."""
        if self.request.is_eager:
            return super().on_replace(sig)
        return sig.apply_async()
