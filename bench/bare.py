"""The baseline: Celery as it comes, acknowledging late, on the same broker. `celery -A bench.bare worker`."""

from celery import Celery
from django.conf import settings

from config import brokers, env
from config.services import ensure

env.select_settings()
ensure(env.load())

app = Celery("bare", broker=settings.BROKER_URL)
app.conf.update(
    broker_transport_options=brokers.transport_options(settings.BROKER_URL),
    task_acks_late=True,
    task_ignore_result=True,
    task_default_queue="bare",
    task_send_sent_event=True,
    worker_send_task_events=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
)


@app.task(name="bare.nothing")
def nothing() -> None:
    """Do nothing."""
