"""What a worker of this project does when it starts."""

from typing import Any

import structlog
from celery import signals

from media_pipeline.engine import sandbox

log = structlog.get_logger(__name__)


@signals.celeryd_init.connect
def tell_of_a_weak_sandbox(**_event: Any) -> None:
    """Warn where this machine's kernel cannot confine the programs that read uploads; the work goes on."""
    missing = sandbox.missing()
    if missing:
        log.warning("sandbox_incomplete", missing=missing)


@signals.setup_logging.connect
def keep_logging(**_event: Any) -> None:
    """Leave logging as Django's settings made it: with a receiver of this signal Celery does not touch it."""
