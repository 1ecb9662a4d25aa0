"""`manage.py ledger_exporter`: serve the metrics of broker, workers and ledger for Prometheus."""

from argparse import ArgumentParser
from typing import Any

from celery import current_app
from django.core.management.base import BaseCommand, CommandError

from celery_ledger.extras import needs

with needs("exporter"):
    from celery_ledger.exporter.assemble import assemble
    from celery_ledger.exporter.serve import serve
    from celery_ledger.exporter.server import Server


class Command(BaseCommand):
    """Serve /metrics until told to stop. A part that fails for an unknown reason ends the process with 1."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare where to listen."""
        parser.add_argument("--address", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
        parser.add_argument("--port", type=int, default=9808, help="port to listen on (default 9808)")
        parser.add_argument(
            "--allow-host",
            action="append",
            default=[],
            metavar="NAME",
            help="name under which scrapers address this server; localhost and addresses are always allowed",
        )

    def handle(self, *_args: Any, address: str, port: int, allow_host: list[str], **_options: Any) -> None:
        """Serve."""
        exporter = assemble(current_app)
        try:
            server = Server(
                address,
                port,
                {"/metrics": exporter.registry},
                exporter.sources,
                allow_host,
            )
        except OSError as error:
            raise CommandError(f"Cannot listen on {address}:{port}: {error.strerror}") from error
        serve(exporter, server)
