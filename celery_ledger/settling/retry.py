"""When a failed job runs again."""


def retry_delay_seconds(attempt: int, *, base_seconds: float, jitter: float) -> float:
    """Return the wait after failed `attempt` (1, 2, ...): the base, doubled each time, plus jitter.

    `jitter` is a share: 0.1 adds up to a tenth. Raises ValueError below attempt 1. Source: README, guarantee 4.
    """
    if attempt < 1:
        raise ValueError(f"attempts are numbered from 1, not {attempt}")
    return base_seconds * 2.0 ** (attempt - 1) * (1 + jitter)
