"""Lets go of settled jobs, a batch at a time, so that no statement holds many rows for long."""

from django.conf import settings

from celery_ledger.ledger import expired_rows

BATCH = 1000


def purge(batch: int = BATCH) -> int:
    """Delete up to `batch` jobs that were settled longer ago than JOB_RETENTION_DAYS; returns how many.

    Dead jobs stay until somebody has looked at them, ten times as long. As many chords go: those that fired so long
    ago and, like the dead, those with a dead or cancelled part, which fire only if somebody retries that in time.
    """
    days = settings.JOB_RETENTION_DAYS
    expired_rows.forget_chords(days=days, dead_days=10 * days, batch=batch)
    expired_rows.forget_chains(days=days, batch=batch)
    expired_rows.forget_unreached(days=10 * days, batch=batch)
    return expired_rows.forget_settled(days=days, dead_days=10 * days, batch=batch)
