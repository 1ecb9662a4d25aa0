"""`python -m config.exporter`: serve the metrics until told to stop."""

import sys

import django

from config import env
from config.services import ensure


def main() -> None:
    """Serve the metrics of broker, workers and ledger, and those of the web processes."""
    env.select_settings()
    environment = env.load()
    ensure(environment)
    django.setup()
    # Settings and applications must be ready first.
    from celery_ledger.exporter.assemble import assemble  # noqa: PLC0415
    from celery_ledger.exporter.serve import serve  # noqa: PLC0415
    from celery_ledger.exporter.server import Server  # noqa: PLC0415
    from config.celery import app  # noqa: PLC0415
    from config.exporter.web import registry  # noqa: PLC0415

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
    serve(exporter, server)


if __name__ == "__main__":
    main()
