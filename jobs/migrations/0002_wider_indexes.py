"""Indexes that a ledger of millions of rows needs, built while it is in use: the old ones go when the new ones stand."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # or PostgreSQL could not build an index beside the ledger's traffic

    dependencies = [("jobs", "0001_initial")]

    operations = [
        AddIndexConcurrently(
            "job",
            models.Index(
                condition=models.Q(("state__in", ("succeeded", "dead", "cancelled"))),
                fields=["finished_at", "state"],
                name="jobs_job_ended",
            ),
        ),
        RemoveIndexConcurrently("job", "jobs_job_settled"),
        AddIndexConcurrently("job", models.Index(fields=["name", "queue", "state"], name="jobs_job_kinds")),
        AddIndexConcurrently(
            "job",
            models.Index(
                condition=models.Q(("state__in", ("queued", "scheduled", "retrying", "running", "dead"))),
                fields=["name", "queue", "state"],
                name="jobs_job_live",
            ),
        ),
        RemoveIndexConcurrently("job", "jobs_job_counts"),
        AddIndexConcurrently("joberror", models.Index(fields=["at"], name="jobs_error_at")),
    ]
