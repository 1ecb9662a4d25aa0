"""What a project may set about its jobs, and what it gets where it does not. README.md says what each means."""

from collections.abc import Mapping

JOB_RETRY_BASE_SECONDS = 60.0
#: The longest wait between two attempts, whatever doubling or a provider's Retry-After come to.
JOB_RETRY_MAX_SECONDS = 86_400.0
JOB_MAX_ATTEMPTS = 5
#: What is kept of an error's message and of its traceback; the middle of a longer text is cut out.
JOB_ERROR_MAX_CHARS = 10_000
JOB_LEASE_SECONDS = 60.0
JOB_POLL_SECONDS = 1.0
JOB_REPUBLISH_SECONDS = 30.0
JOB_STRANDED_SECONDS = 3600.0
JOB_RETENTION_DAYS = 7
#: Published and not yet claimed, per queue: all that a flood may put before another job.
JOB_MAX_IN_FLIGHT = 1000
#: The same, of one share key: how many of its jobs may stand before another key's first.
JOB_SHARE_IN_FLIGHT = 1
#: Name of a limit -> rate, as the `limits` package reads it: "50/second". They are kept at CACHE_URL.
JOB_RATE_LIMITS: Mapping[str, str] = {}
#: For fault tests alone, see `celery_ledger.faultpoints`.
FAULT_POINT = None
