"""The Celery application: what `celery -A config …` starts."""

import sys

from django.conf import settings

from celery_ledger import LedgerApp
from config import (
    env,
    flower_hosts,
    queues,
    schedule,
    worker,  # noqa: F401 - it registers what a worker does when it starts
)
from config.services import ensure

# The `celery` command comes here before anything has read the settings: it finds the embedded services or
# starts them. Every other process came through manage.py or config/asgi.py, which decide that for themselves.
if not settings.configured:
    env.select_settings()
    ensure(env.load())

if "flower" in sys.argv:
    flower_hosts.check_hosts()

app = LedgerApp("config")
# What the ledger needs is set by LedgerApp; see celery_ledger/configuration.py.
app.conf.update(
    broker_url=settings.BROKER_URL,
    broker_transport_options=queues.transport_options(settings.BROKER_URL),
    timezone="UTC",
    task_queues=queues.queues(),
    task_default_queue=queues.DEFAULT,
    worker_redirect_stdouts=False,
    # A worker told to stop has this long for what it runs; the rest goes back.
    worker_soft_shutdown_timeout=settings.WORKER_STOP_SECONDS,
    beat_schedule=schedule.SCHEDULE,
    beat_scheduler="celery_ledger.beat:LedgerScheduler",
)
app.set_default()
