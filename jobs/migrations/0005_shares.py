"""Jobs of many owners take turns: a share key, and the indexes that find each key's jobs."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

_WAITING = ("queued", "scheduled", "retrying")
_DUE_UNSHARED = models.Q(published_at__isnull=True, state__in=_WAITING, share_key__isnull=True)
_DUE_SHARED = models.Q(published_at__isnull=True, state__in=_WAITING, share_key__isnull=False)
_HELD_SHARED = models.Q(published_at__isnull=False, state__in=("queued", "running"), share_key__isnull=False)


class Migration(migrations.Migration):
    atomic = False  # or PostgreSQL could not build an index beside the ledger's traffic

    dependencies = [("jobs", "0004_beat_entries")]

    operations = [
        migrations.AddField("job", "share_key", models.CharField(blank=True, max_length=200, null=True)),
        AddIndexConcurrently(
            "job",
            models.Index(
                fields=["queue", "share_key", "run_at"], condition=_DUE_SHARED, name="jobs_job_share"
            ),
        ),
        AddIndexConcurrently(
            "job",
            models.Index(
                fields=["queue", "share_key", "state"], condition=_HELD_SHARED, name="jobs_job_share_held"
            ),
        ),
        # The others leave the index of those without a key: the relay would else step over them for each batch.
        RemoveIndexConcurrently("job", "jobs_job_due"),
        AddIndexConcurrently(
            "job",
            models.Index(
                fields=["queue", "run_at"],
                condition=_DUE_UNSHARED,
                name="jobs_job_due",
            ),
        ),
    ]
