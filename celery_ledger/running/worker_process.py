"""What a worker process needs beside Celery's settings, so that many run side by side and stop in time."""

import importlib
import os
import sys
from typing import Any

from celery import signals
from celery.utils.nodenames import default_nodename


def stop_in_time() -> None:
    """Make SIGTERM what SIGQUIT is: finish within `worker_soft_shutdown_timeout`, hand the rest back, exit.

    Celery's own SIGTERM waits for running tasks without bound (5.7.0). Nothing changes where the environment has
    REMAP_SIGTERM already. To be called before a worker is made.
    """
    if "REMAP_SIGTERM" in os.environ:
        return
    os.environ["REMAP_SIGTERM"] = "SIGQUIT"
    # The `celery` command has imported this module, and nothing from it yet; it reads the variable only once (4.3.2).
    if "billiard.common" in sys.modules:
        importlib.reload(sys.modules["billiard.common"])


@signals.celeryd_init.connect
def name_uniquely(instance: Any, **_event: Any) -> None:
    """Give a worker without a name of its own one that no other terminal has.

    Workers of one name answer for each other in Flower and the exporter, and RabbitMQ may refuse the second.
    """
    name, _, host = default_nodename("").partition("@")
    if instance.hostname == f"{name}@{host}":
        instance.hostname = f"{name}-{os.getpid()}@{host}"
