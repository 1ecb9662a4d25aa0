"""What follows what, and what runs beside what: Celery's canvas, with steps named and not imported."""

from typing import Any

from celery import chain, chord, group, signature
from celery.canvas import Signature

__all__ = ["Signature", "chain", "chord", "group", "step"]


def step(name: str, *args: Any, **options: Any) -> Signature:
    """Return a step that runs task `name` with just these arguments, whatever the step before it returned."""
    made: Signature = signature(name, args=args, options=options, immutable=True)
    return made
