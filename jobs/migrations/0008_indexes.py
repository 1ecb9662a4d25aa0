"""Indexes for share keys, priorities, expiry and failed parts, built beside the ledger's traffic.

Building an index concurrently cannot be part of a transaction. So this migration holds nothing else, and each statement
may run again: a migration that was cut off, by a signal or a lost connection, starts anew and ends well.
"""

from django.db import migrations, models

_WAITING = ("queued", "scheduled", "retrying")
_IN_WAITING = "state in ('queued', 'scheduled', 'retrying')"
_DUE = models.Q(published_at__isnull=True, share_key__isnull=True, state__in=_WAITING)
_SHARED = models.Q(published_at__isnull=True, share_key__isnull=False, state__in=_WAITING)
_HELD = models.Q(published_at__isnull=False, share_key__isnull=False, state__in=("queued", "running"))


def _build(name, table, columns, condition):
    """Return the statements that build an index; a part of it that an earlier try left is dropped first."""
    return [
        f"drop index concurrently if exists {name}",
        f"create index concurrently {name} on {table} ({columns}) where {condition}",
    ]


_STATEMENTS = [
    *_build("jobs_chordpart_failed", "jobs_chordpart", "chord_id", "not succeeded"),
    *_build("jobs_job_expiry", "jobs_job", "expires_at", f"expires_at is not null and {_IN_WAITING}"),
    *_build(
        "jobs_job_share",
        "jobs_job",
        "queue, share_key, priority, run_at",
        f"published_at is null and share_key is not null and {_IN_WAITING}",
    ),
    *_build(
        "jobs_job_share_held",
        "jobs_job",
        "queue, share_key, state",
        "published_at is not null and share_key is not null and state in ('queued', 'running')",
    ),
    # Under another name until its predecessor is gone: relays would read the whole table meanwhile.
    *_build(
        "jobs_job_due_next",
        "jobs_job",
        "queue, priority, run_at",
        f"published_at is null and share_key is null and {_IN_WAITING}",
    ),
    "drop index concurrently if exists jobs_job_due",
    "alter index jobs_job_due_next rename to jobs_job_due",
]


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("jobs", "0007_canvas")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(statement, migrations.RunSQL.noop) for statement in _STATEMENTS
            ],
            state_operations=[
                migrations.AddIndex(
                    "chordpart",
                    models.Index(
                        condition=models.Q(("succeeded", False)), fields=["chord"], name="jobs_chordpart_failed"
                    ),
                ),
                migrations.AddIndex(
                    "job",
                    models.Index(
                        condition=models.Q(("expires_at__isnull", False), ("state__in", _WAITING)),
                        fields=["expires_at"],
                        name="jobs_job_expiry",
                    ),
                ),
                migrations.AddIndex(
                    "job",
                    models.Index(
                        condition=_SHARED, fields=["queue", "share_key", "priority", "run_at"], name="jobs_job_share"
                    ),
                ),
                migrations.AddIndex(
                    "job",
                    models.Index(
                        condition=_HELD, fields=["queue", "share_key", "state"], name="jobs_job_share_held"
                    ),
                ),
                migrations.RemoveIndex("job", "jobs_job_due"),
                migrations.AddIndex(
                    "job",
                    models.Index(condition=_DUE, fields=["queue", "priority", "run_at"], name="jobs_job_due"),
                ),
            ],
        ),
    ]
