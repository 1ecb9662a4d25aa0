"""The Celery application: what `celery -A config …` starts."""

import sys

from django.conf import settings

from celery_ledger import LedgerApp
from config import brokers, env, flower_hosts, queues, schedule, worker
from config.services import ensure

# The `celery` command comes here before anything has read the settings: it finds the embedded services or
# starts them. Every other process came through manage.py or config/asgi.py, which decide that for themselves.
if not settings.configured:
    env.select_settings()
    ensure(env.load())
    worker.stop_in_time()

brokers.repair(settings.BROKER_URL)
if "flower" in sys.argv:
    flower_hosts.check_hosts()

app = LedgerApp("config")
app.conf.update(
    # The wire: ids and plain values, never objects.
    broker_url=settings.BROKER_URL,
    broker_transport_options=brokers.transport_options(settings.BROKER_URL),
    accept_content=["json"],
    result_accept_content=["json"],
    task_serializer="json",
    result_serializer="json",
    enable_utc=True,
    timezone="UTC",
    # Queues.
    task_queues=queues.queues(),
    task_default_queue=queues.DEFAULT,
    task_create_missing_queues=False,  # a misspelt queue is an error, not a queue that nobody reads
    # Acknowledge when taken. The ledger's lease, not the broker, brings a dead worker's job back; a message held
    # through hours of encoding collides with visibility timeouts and RabbitMQ's consumer_timeout.
    task_acks_late=False,
    task_reject_on_worker_lost=False,
    worker_prefetch_multiplier=1,
    **brokers.worker_options(settings.BROKER_URL),
    # A broker that is away: wait for it as long as it takes, whether it was there at the start or not.
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_channel_error_retry=True,  # RabbitMQ closes a slow consumer's channel; without this the worker exits
    worker_cancel_long_running_tasks_on_connection_loss=False,  # the claim makes the second delivery harmless
    # A lock that two workers of one name, or a half-dead connection of the same one, hold against each other.
    control_queue_exclusive=False,
    # What exporters and Flower see.
    task_send_sent_event=True,
    worker_send_task_events=True,
    worker_consumer="config.consumer:Consumer",
    task_track_started=True,
    worker_redirect_stdouts=False,
    # A worker told to stop has this long for what it runs; the rest goes back.
    worker_soft_shutdown_timeout=settings.WORKER_STOP_SECONDS,
    # Celery's Django fixup closes the database connection around every task; a connect costs more than most jobs.
    CELERY_DB_REUSE_MAX=1_000_000,
    beat_schedule=schedule.SCHEDULE,
    beat_scheduler="celery_ledger.beat:LedgerScheduler",
)
app.set_default()
