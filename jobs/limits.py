"""A provider's rate, shared by all workers: moving windows in the cache server.

Not Celery's `rate_limit`, which each worker counts for itself.
"""

import random
import time
from functools import cache

import structlog
from django.conf import settings
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import Storage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

log = structlog.get_logger(__name__)

#: The wait of a job that finds the cache server away: a provider's rate is a promise, so nobody passes.
STORE_AWAY_SECONDS = 5.0


def wait_seconds(name: str | None) -> float:
    """Return 0 and count one use where the rate allows it now, else how long to wait. None has no limit."""
    rate = settings.JOB_RATE_LIMITS.get(name) if name else None
    if rate is None:
        return 0.0
    try:
        return _wait(name or "", parse(rate))
    except StorageError as error:
        log.warning("rate_limit_store_away", limit=name, reason=str(error))
        return STORE_AWAY_SECONDS


def _wait(name: str, rate: RateLimitItem) -> float:
    limiter = MovingWindowRateLimiter(_storage())
    if limiter.hit(rate, name):
        return 0.0
    opens_at = limiter.get_window_stats(rate, name).reset_time
    # Those that wait are spread over the next window, so that they don't all come back at one instant.
    return max(0.0, opens_at - time.time()) + random.uniform(0, rate.get_expiry())  # noqa: S311 - spreads load


@cache
def _storage() -> Storage:
    url = settings.CACHE_URL.replace("unix://", "redis+unix://", 1)
    storage: Storage = storage_from_string(url, wrap_exceptions=True)  # type: ignore[assignment]  # not async+redis://
    return storage
