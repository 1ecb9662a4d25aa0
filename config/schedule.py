"""What runs by the clock, as data: name of the entry, task, when (UTC).

Each due moment becomes one job, unique by entry and moment: two beats may run, and nothing runs twice or is skipped.
"""

from typing import TypedDict

from celery.schedules import crontab, schedule


class Entry(TypedDict):
    """One line of the schedule, in Celery's own words."""

    task: str
    schedule: crontab | schedule


SCHEDULE: dict[str, Entry] = {
    "forget-expired-account-rows": {
        "task": "accounts.forget_expired",
        "schedule": crontab(hour="3", minute="20"),
    },
}
