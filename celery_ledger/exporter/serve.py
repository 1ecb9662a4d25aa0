"""Serving the metrics until told to stop."""

import os
import signal
import threading
from types import FrameType

import structlog

from celery_ledger.exporter.assemble import Exporter
from celery_ledger.exporter.server import Server

log = structlog.get_logger(__name__)


def serve(exporter: Exporter, server: Server) -> None:
    """Serve; a part that fails for an unknown reason ends the process, so that its supervisor starts it again."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    threading.excepthook = _end
    exporter.start()
    host, port = server.server_address[:2]
    log.info("exporter_started", address=f"http://{host!s}:{port}/metrics")
    server.serve_forever()


def _stop(_number: int, _frame: FrameType | None) -> None:
    # Nothing is to be saved, and a thread may be waiting for a broker that does not answer.
    os._exit(0)


def _end(failure: threading.ExceptHookArgs) -> None:
    log.error("exporter_failed", thread=failure.thread and failure.thread.name, exc_info=failure.exc_value)
    os._exit(1)
