"""What each broker needs so that a worker outlives it. Every option bears the failure that it prevents."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

# Longer than any step. The ledger's lease brings a lost job back; a short timeout would only deliver long ones twice.
VISIBILITY_TIMEOUT_SECONDS = 6 * 3600


def transport_options(broker_url: str) -> Mapping[str, Any]:
    """Return kombu's `broker_transport_options` for the broker behind `broker_url`."""
    options = _OPTIONS.get(_kind(broker_url))
    return options(broker_url) if options else {}


def worker_options(broker_url: str) -> Mapping[str, Any]:
    """Return the Celery settings that only make sense on the broker behind `broker_url`."""
    match _kind(broker_url):
        case "redis":
            # A worker holds only what it runs, so a free one is never passed over. Other transports warn and ignore it.
            return {"worker_disable_prefetch": True}
        case "amqp":
            # A connection that died without a word is noticed after twice that; Celery's own is two minutes.
            return {"broker_heartbeat": 10}
    return {}


def repair(broker_url: str) -> None:
    """Mend the transport of the broker behind `broker_url`, where we have a repair. Twice: nothing more happens."""
    # Imported only where they are used: each brings a client library with it.
    match _kind(broker_url):
        case "redis":
            from celery_ledger.transports import redis_reconnect  # noqa: PLC0415

            redis_reconnect.install()
        case "sqs":
            from celery_ledger.transports import sqs_reconnect  # noqa: PLC0415

            sqs_reconnect.install()


def _kind(broker_url: str) -> str:
    scheme = urlsplit(broker_url).scheme.removesuffix("+socket")
    return {"rediss": "redis", "amqps": "amqp"}.get(scheme, scheme)


def _redis(_broker_url: str) -> Mapping[str, Any]:
    return {
        "visibility_timeout": VISIBILITY_TIMEOUT_SECONDS,
        # Without them a publish to a frozen broker blocks without end.
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        # A publish that timed out may have arrived all the same; the relay decides what to send again.
        "retry_on_timeout": False,
    }


def _amqp(_broker_url: str) -> Mapping[str, Any]:
    return {
        # Else a publish into a dying socket or a full broker counts as done.
        "confirm_publish": True,
        # A blocked broker (memory or disk alarm) never confirms.
        "read_timeout": 10,
        "write_timeout": 10,
    }


def _sqs(broker_url: str) -> Mapping[str, Any]:
    host = urlsplit(broker_url).hostname or ""
    return {
        "visibility_timeout": VISIBILITY_TIMEOUT_SECONDS,
        # Long polls: an answer the moment there is a message, and the fewest paid requests while there is none.
        "wait_time_seconds": 20,
        "polling_interval": 0,
        # botocore's own are a minute, five times over. Whoever asks tries again by itself: relay, worker.
        "client-config": {"connect_timeout": 2, "read_timeout": 25, "retries": {"total_max_attempts": 1}},
        # A host of one's own is a local stand-in that speaks plain http; AWS itself is named by leaving it out.
        "is_secure": not host or host.endswith(".amazonaws.com"),
    }


_OPTIONS = {"redis": _redis, "amqp": _amqp, "sqs": _sqs}
