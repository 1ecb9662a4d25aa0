"""The queues: one per kind of work, so that a flood of one kind cannot hold up another.

A worker without `-Q` consumes all of them. Give a kind workers of its own with `celery -A config worker -Q media`.
"""

from urllib.parse import urlsplit

from kombu import Exchange, Queue

SQS_PREFIX = "offstage-"

WHY = {
    "mail": "short, waits on the mail server, held to its rate: must not stand behind an encode",
    "push": "short, waits on browsers' push services and users' webhooks, any of which may be slow",
    "accounts": "exports and deletions: minutes of database and file work that nobody waits for on a page",
    "media": "encoding: all of a core for as long as it takes; the queue to scale first",
    "speech": "transcription: a model in memory, so few processes with much memory",
    "reports": "figures and PDFs, by schedule or on demand",
    "maintenance": "clean-up and beat's ticks: always short, late is fine",
}

NAMES = tuple(WHY)

# Jobs of these take minutes or hours. Each kind has workers of its own (`make run`, compose), since a worker whose
# processes are all busy with long jobs holds back the short ones that it has already fetched.
LONG = ("media", "speech")
SHORT = tuple(name for name in NAMES if name not in LONG)

# Only Celery's own tasks declare no queue; ours must.
DEFAULT = "maintenance"


def queues() -> tuple[Queue, ...]:
    """Return the queues as Celery declares them.

    Each with an exchange of its own name: left to Celery they all hang on the default queue's, and a message sent
    there by hand would reach every one. Ours go to a queue by its name, which needs no binding; bindings are what
    a flushed Redis loses for good.
    """
    return tuple(Queue(name, Exchange(name, type="direct"), routing_key=name) for name in NAMES)


def transport_options(broker_url: str) -> dict[str, str]:
    """Return what kombu is to know of our queues: on SQS those of an account share one list of names."""
    return {"queue_name_prefix": SQS_PREFIX} if urlsplit(broker_url).scheme == "sqs" else {}
