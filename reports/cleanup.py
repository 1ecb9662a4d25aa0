"""What is let go of by the clock: sessions, tokens, stored answers, settled jobs."""

from datetime import datetime
from importlib import import_module

import structlog
from django.conf import settings
from knox.models import get_token_model

from api import idempotency
from celery_ledger import checkpoint
from celery_ledger.operations import retention
from reports import queries

log = structlog.get_logger(__name__)


def forget_expired(now: datetime) -> None:
    """Delete sessions, login tokens and stored answers whose time is over. Twice: the second call finds none."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    tokens = get_token_model().objects.filter(expiry__lt=now).delete()[0]
    answers = idempotency.forget_expired(now)
    log.info("leftovers_forgotten", tokens=tokens, answers=answers)


def purge_jobs(batch: int = retention.BATCH) -> int:
    """Delete settled jobs that are older than JOB_RETENTION_DAYS and return how many, a batch a transaction.

    Not while a report is being written: the week that it is about is just as old as the jobs that go first.
    Twice: the second call finds none.
    """
    if queries.queued().exists():
        log.info("purge_postponed")
        return 0
    purged = 0
    while count := retention.purge(batch):
        purged += count
        checkpoint()
    log.info("jobs_purged", count=purged)
    return purged
