"""The settings of Celery that the ledger needs, and what to say where a project contradicts them."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from celery_ledger.transports import brokers

#: How long a worker told to stop may go on with what it runs, before it hands the rest back.
STOP_SECONDS = 10.0
#: Jobs for one connection to the database; fewer would show in the time of each.
REUSE_ENOUGH = 1_000


def needed(broker_url: str) -> dict[str, Any]:
    """Return the settings that the ledger needs with this broker; a project's own values go before them."""
    return {
        # The wire: ids and plain values, never objects.
        "accept_content": ["json"],
        "result_accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
        "enable_utc": True,
        # A misspelt queue is an error, not a queue that nobody reads.
        "task_create_missing_queues": False,
        # Acknowledge when taken. The ledger's lease, not the broker, brings a dead worker's job back; a message held
        # through hours of work collides with visibility timeouts and RabbitMQ's consumer_timeout.
        "task_acks_late": False,
        "task_reject_on_worker_lost": False,
        "worker_prefetch_multiplier": 1,
        # A broker that is away: wait for it as long as it takes, whether it was there at the start or not.
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,  # RabbitMQ closes a slow consumer's channel; else the worker exits
        "worker_cancel_long_running_tasks_on_connection_loss": False,  # the claim makes a second delivery harmless
        # A lock that two workers of one name, or a half-dead connection of the same one, hold against each other.
        "control_queue_exclusive": False,
        # What exporters and Flower see.
        "task_send_sent_event": True,
        "worker_send_task_events": True,
        "task_track_started": True,
        "worker_consumer": "celery_ledger.running.consumer:Consumer",
        "worker_soft_shutdown_timeout": STOP_SECONDS,
        # Celery's Django fixup closes the database connection around every task; a connect costs more than most jobs.
        "CELERY_DB_REUSE_MAX": 1_000_000,
        **brokers.worker_options(broker_url),
    }


class Contradiction(NamedTuple):
    """A setting, when it contradicts the ledger, and what happens then."""

    setting: str
    is_wrong: Callable[[Any], bool]
    consequence: str


CONTRADICTIONS = (
    Contradiction(
        "task_acks_late",
        bool,
        "A message is held as long as its job runs; a broker with a visibility or consumer timeout delivers it again.",
    ),
    Contradiction(
        "task_reject_on_worker_lost",
        bool,
        "The broker brings a dead worker's message back beside the ledger, which brings the job back by its lease.",
    ),
    Contradiction(
        "worker_prefetch_multiplier",
        lambda value: value != 1,
        "Messages wait in busy workers while others have nothing to do.",
    ),
    Contradiction(
        "task_create_missing_queues",
        bool,
        "A job for a misspelt queue is published to a queue that no worker reads.",
    ),
    Contradiction(
        "task_serializer",
        lambda value: value != "json",
        "The ledger stores JSON, whatever this setting says.",
    ),
    Contradiction(
        "accept_content",
        lambda value: "json" not in value and "application/json" not in value,
        "Workers refuse every message of the ledger.",
    ),
    Contradiction(
        "result_backend",
        lambda value: bool(value) and "LedgerBackend" not in str(value),
        "Results are columns of the ledger, which is the result backend.",
    ),
    Contradiction(
        "broker_connection_max_retries",
        lambda value: value is not None,
        "A worker exits when its broker stays away.",
    ),
    Contradiction(
        "CELERY_DB_REUSE_MAX",
        lambda value: value is not None and value < REUSE_ENOUGH,
        "Workers connect to the database anew after so few jobs.",
    ),
)


def contradictions(conf: Mapping[str, Any]) -> list[Contradiction]:
    """Return what of `conf` contradicts the ledger."""
    return [each for each in CONTRADICTIONS if each.is_wrong(conf.get(each.setting))]
