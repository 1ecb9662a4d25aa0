"""The baseline: Celery as it comes, acknowledging late, on the same broker. `celery -A bench.bare worker`."""

from pathlib import Path

from celery import Celery
from django.conf import settings

from celery_ledger.transports import brokers
from config import env
from config.services import ensure

env.select_settings()
ensure(env.load())

QUEUE = "bare"

# Not the current application: who asks for a job of ours in the same process would ask this one.
app = Celery("bare", broker=settings.BROKER_URL, set_as_current=False)
app.conf.update(
    broker_transport_options=brokers.transport_options(settings.BROKER_URL),
    task_acks_late=True,
    task_ignore_result=True,
    task_default_queue=QUEUE,
    task_send_sent_event=True,
    worker_send_task_events=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
)


@app.task(name="bare.nothing")
def nothing(mark: str = "") -> None:
    """Do nothing, or make the file that says when."""
    if mark:
        Path(mark).touch()


def waiting() -> int:
    """Return how many messages no worker has taken yet."""
    with app.connection_for_read() as connection:
        try:
            channel = connection.channel()
            declared = channel.queue_declare(QUEUE, passive=True)  # type: ignore[attr-defined]  # every channel has it
        except connection.channel_errors:  # Valkey knows no queue that is empty
            return 0
    return int(declared.message_count)
