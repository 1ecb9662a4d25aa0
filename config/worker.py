"""What a worker started by a bare `celery -A config worker` needs, so that many run side by side and stop in time."""

import importlib
import os
from typing import Any

import billiard.common
import structlog
from celery import signals
from celery.utils.nodenames import default_nodename

from config import env
from media_pipeline.engine import sandbox

log = structlog.get_logger(__name__)


def stop_in_time() -> None:
    """Make SIGTERM what SIGQUIT is: finish within `worker_soft_shutdown_timeout`, hand the rest back, exit.

    Celery's own SIGTERM waits for running tasks without bound (5.7.0). To be called before a worker is made.
    """
    env.remap_sigterm()
    # The `celery` command has imported this module, and nothing from it yet; it reads the variable only once (4.3.2).
    importlib.reload(billiard.common)


@signals.celeryd_init.connect
def name_uniquely(instance: Any, **_event: Any) -> None:
    """Give a worker without a name of its own one that no other terminal has.

    Workers of one name answer for each other in Flower and the exporter, and RabbitMQ may refuse the second.
    """
    name, _, host = default_nodename("").partition("@")
    if instance.hostname == f"{name}@{host}":
        instance.hostname = f"{name}-{os.getpid()}@{host}"


@signals.celeryd_init.connect
def tell_of_a_weak_sandbox(**_event: Any) -> None:
    """Warn where this machine's kernel cannot confine the programs that read uploads; the work goes on."""
    missing = sandbox.missing()
    if missing:
        log.warning("sandbox_incomplete", missing=missing)


@signals.setup_logging.connect
def keep_logging(**_event: Any) -> None:
    """Leave logging as Django's settings made it: with a receiver of this signal Celery does not touch it."""
