"""`manage.py relay`: run one relay by itself. Every worker starts one, so this is for machines without workers."""

import os
import signal
from argparse import ArgumentParser
from typing import Any

from celery import current_app
from django.core.management.base import BaseCommand

from celery_ledger.poolers import refuse_transaction_pooling
from celery_ledger.publishing.relay import Relay


class Command(BaseCommand):
    """Publish due jobs until told to stop."""

    help = "Publish due jobs to the broker and rescue lost ones, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare --parent."""
        parser.add_argument("--parent", type=int, help="end when this process is no longer the parent")

    def handle(self, *_args: Any, parent: int | None, **_options: Any) -> None:
        """Run."""
        refuse_transaction_pooling()
        told_to_stop: list[int] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, _frame: told_to_stop.append(received))
        Relay(current_app, lambda: bool(told_to_stop) or _orphaned(parent)).run()


def _orphaned(parent: int | None) -> bool:
    # A worker that was killed with -9 could not tell us: its children get another parent.
    return parent is not None and os.getppid() != parent
