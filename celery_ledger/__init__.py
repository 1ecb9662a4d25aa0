"""Background jobs that commit with the rows that need them: Celery on a ledger in PostgreSQL.

What a project uses is here. Every other module is internal, except `celery_ledger.beat`, `celery_ledger.api.urls` and
`celery_ledger.models`, which Django and Celery are given by name.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from celery_ledger.app import LedgerApp
    from celery_ledger.asking.enqueueing import enqueue
    from celery_ledger.canvas import chain, chord, group, step
    from celery_ledger.current import checkpoint, current_job
    from celery_ledger.declare import job
    from celery_ledger.errors import Permanent, Transient

__all__ = (
    "LedgerApp",
    "Permanent",
    "Transient",
    "chain",
    "checkpoint",
    "chord",
    "current_job",
    "enqueue",
    "group",
    "job",
    "step",
)

# Django imports this package before its settings are complete, so each name is looked up when it is first used.
_HOMES = {
    "LedgerApp": "app",
    "Permanent": "errors",
    "Transient": "errors",
    "chain": "canvas",
    "checkpoint": "current",
    "chord": "canvas",
    "current_job": "current",
    "enqueue": "asking.enqueueing",
    "group": "canvas",
    "job": "declare",
    "step": "canvas",
}


def __getattr__(name: str) -> Any:
    """Return a public name; see PEP 562."""
    if name not in _HOMES:
        raise AttributeError(f"module 'celery_ledger' has no attribute {name!r}")
    return getattr(import_module(f"celery_ledger.{_HOMES[name]}"), name)
