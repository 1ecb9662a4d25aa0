"""Django's tasks interface on the ledger.

`TASKS = {"default": {"BACKEND": "celery_ledger.django_tasks.LedgerBackend"}}`
"""

from celery_ledger.django_tasks.backend import LedgerBackend

__all__ = ["LedgerBackend"]
