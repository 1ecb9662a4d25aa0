"""What the tests of statements have in common."""

from datetime import timedelta
from uuid import uuid4

from django.db import connection, transaction
from django.utils import timezone

from celery_ledger.ledger import claims
from celery_ledger.models import Job


def reread(job):
    return Job.objects.get(pk=job.pk)


def claim(job, token=None, worker="w@host/1"):
    return claims.claim(str(job.pk), token or uuid4(), worker, 60)


def ago(seconds):
    return timezone.now() - timedelta(seconds=seconds)


def claim_elsewhere(job):
    try:
        return claim(job)
    finally:
        connection.close()


def somebody_waits_for_a_lock():
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_locks where not granted")
        return cursor.fetchone()[0]


def atomically(function, **options):
    with transaction.atomic():
        return function(**options)
