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
    "daily-report": {"task": "reports.daily", "schedule": crontab(hour="0", minute="15")},
    "weekly-report": {
        "task": "reports.weekly",
        "schedule": crontab(day_of_week="mon", hour="0", minute="30"),
    },
    "sweep-films": {"task": "media_pipeline.sweep", "schedule": crontab(minute="5")},
    "forget-expired": {"task": "reports.forget_expired", "schedule": crontab(minute="25")},
    # After the weekly report: it is about the jobs that go next.
    "purge-jobs": {"task": "reports.purge_jobs", "schedule": crontab(minute="45")},
}
