"""Gives every worker a relay: `celery -A config worker` alone is a whole system."""

import os
import subprocess
import sys
from typing import Any

import structlog
from celery import bootsteps
from django.conf import settings

from celery_ledger import poolers
from celery_ledger.running import pools, remote_control

log = structlog.get_logger(__name__)

#: How long a relay may take to finish its batch before it is killed.
STOP_SECONDS = 3.0
LOOK_SECONDS = 1.0


class RelayStep(bootsteps.StartStopStep):
    """Starts a relay process with the worker, starts it again when it dies, ends it with the worker."""

    requires = ("celery.worker.components:Timer", "celery.worker.components:Pool")

    def __init__(self, worker: Any, **_options: Any) -> None:
        pools.check(worker)
        poolers.refuse_transaction_pooling()
        remote_control.refuse_what_has_no_effect()
        self._relay: subprocess.Popen[bytes] | None = None
        self._watch: Any = None
        super().__init__(worker)

    def start(self, worker: Any) -> None:
        """Start the relay and look after it once a second."""
        self._relay = _start_relay()
        self._watch = worker.timer.call_repeatedly(LOOK_SECONDS, self._start_again_if_dead)

    def stop(self, worker: Any) -> None:
        """End the relay; what it has not published, another one will."""
        if self._watch is not None:
            self._watch.cancel()
        if self._relay is None:
            return
        self._relay.terminate()
        try:
            self._relay.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._relay.kill()
            self._relay.wait()
        self._relay = None

    terminate = stop  # type: ignore[assignment]  # the same but for a parameter's name

    def _start_again_if_dead(self) -> None:
        if self._relay is not None and self._relay.poll() is not None:
            log.warning("relay_died", exit_code=self._relay.returncode)
            self._relay = _start_relay()


def _start_relay() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "django", "relay", "--parent", str(os.getpid())]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE}  # noqa: TID251 - handed on, not read
    return subprocess.Popen(command, env=environment, cwd=settings.BASE_DIR)
