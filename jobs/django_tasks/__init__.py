"""Django's tasks interface on the ledger: `TASKS = {"default": {"BACKEND": "jobs.django_tasks.LedgerBackend"}}`."""

from jobs.django_tasks.backend import LedgerBackend

__all__ = ["LedgerBackend"]
