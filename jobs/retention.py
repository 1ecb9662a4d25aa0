"""Lets go of settled jobs, a batch at a time, so that no statement holds many rows for long."""

from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now

from jobs import queries
from jobs.models import Chord

BATCH = 1000


def purge(batch: int = BATCH) -> int:
    """Delete up to `batch` jobs that were settled longer ago than JOB_RETENTION_DAYS; returns how many.

    Dead jobs stay until somebody has looked at them, ten times as long.
    """
    days = settings.JOB_RETENTION_DAYS
    purged = queries.forget_settled(days=days, dead_days=10 * days, batch=batch)
    Chord.objects.filter(fired_at__lt=Now() - timedelta(days=days)).delete()
    # A chord with a dead or cancelled part never fires, unless somebody retries that part while it is kept.
    Chord.objects.filter(fired_at=None, created_at__lt=Now() - timedelta(days=10 * days)).delete()
    return purged
