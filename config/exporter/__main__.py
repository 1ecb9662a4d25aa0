"""`python -m config.exporter`: serve the metrics until told to stop."""

import os
import signal
import sys
import threading
from types import FrameType

import django
import structlog

from config import env
from config.services import ensure


def main() -> None:
    """Serve; a part that fails for an unknown reason ends the process, so that whoever started it starts it again."""
    env.select_settings()
    environment = env.load()
    ensure(environment)
    django.setup()
    # Settings and applications must be ready first.
    from config.celery import app  # noqa: PLC0415
    from config.exporter.assemble import assemble  # noqa: PLC0415
    from config.exporter.server import Server  # noqa: PLC0415
    from config.exporter.web import registry  # noqa: PLC0415

    log = structlog.get_logger(__name__)
    exporter = assemble(app)
    try:
        server = Server(
            environment.bind_address,
            environment.ports.exporter,
            {"/metrics": exporter.registry, "/metrics/web": registry(environment.data)},
            exporter.sources,
            environment.web.allowed_hosts,
        )
    except OSError as error:
        sys.exit(f"offstage: EXPORTER_PORT: {environment.ports.exporter} can't be used: {error.strerror}")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    threading.excepthook = _end
    exporter.start()
    log.info(
        "exporter_started", address=f"http://{environment.bind_address}:{environment.ports.exporter}/metrics"
    )
    server.serve_forever()


def _stop(_number: int, _frame: FrameType | None) -> None:
    # Nothing is to be saved, and a thread may be waiting for a broker that does not answer.
    os._exit(0)


def _end(failure: threading.ExceptHookArgs) -> None:
    structlog.get_logger(__name__).error(
        "exporter_failed", thread=failure.thread and failure.thread.name, exc_info=failure.exc_value
    )
    os._exit(1)


if __name__ == "__main__":
    main()
