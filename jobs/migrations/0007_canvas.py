"""Chords count in a column, long chains are stored once, failures reach the end of a canvas; priority and expiry.

The indexes come with 0008, which need not be one transaction."""

import django.db.models.functions.datetime
from django.db import migrations, models

# Parts of chords that are under way when this migration runs.
_COUNT = """
    update jobs_chord set returned = (
        select count(*) from jobs_chordpart where chord_id = jobs_chord.group_id and succeeded)
    where fired_at is null
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0006_permissions")]

    operations = [
        migrations.AddField("job", "priority", models.SmallIntegerField(
            db_default=0, help_text="Within its queue the job with the lower number is published first.")),
        migrations.AddField("job", "expires_at", models.DateTimeField(
            blank=True, help_text="A job that has not begun by then is cancelled.", null=True)),
        migrations.AddField("joberror", "error_module", models.CharField(
            blank=True, default="", db_default="", max_length=200)),
        migrations.AddField("joberror", "error_args", models.JSONField(
            help_text="The exception's arguments, for the process that waits for the result.", null=True)),
        migrations.AlterField("chord", "size", models.PositiveIntegerField(help_text="Number of parts.", null=True)),
        migrations.AddField("chord", "returned", models.PositiveIntegerField(
            db_default=0, help_text="Parts that succeeded.")),
        migrations.AddField("chord", "places", models.JSONField(
            help_text="Where a part's result belongs in a header that contains groups.", null=True)),
        migrations.CreateModel(
            name="StoredChain",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("root_id", models.UUIDField(help_text="The family of jobs that needs the steps.")),
                ("steps", models.JSONField(help_text="As in a Celery message: the last step first.")),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "jobs_chain",
                "indexes": [models.Index(fields=["created_at"], name="jobs_chain_age")],
            },
        ),
        migrations.CreateModel(
            name="Unreached",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("failed_job_id", models.UUIDField()),
                ("is_chord_body", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "jobs_unreached",
                "indexes": [models.Index(fields=["created_at"], name="jobs_unreached_age")],
            },
        ),
        migrations.RunSQL(_COUNT, migrations.RunSQL.noop),
    ]
