"""What keeps a large ledger in shape: chords are found by age, and dead rows go before there are many."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

# Each job leaves three dead rows: published, claimed, settled. By PostgreSQL's default a ledger of five million settled
# jobs is vacuumed once a million rows are dead, and until then each look for due jobs steps over them.
_OFTEN = """
    alter table jobs_job set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.02)
"""
_AS_BEFORE = """
    alter table jobs_job reset (autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor)
"""


class Migration(migrations.Migration):
    atomic = False  # or PostgreSQL could not build an index beside the ledger's traffic

    dependencies = [("jobs", "0002_wider_indexes")]

    operations = [
        AddIndexConcurrently("chord", models.Index(fields=["created_at"], name="jobs_chord_age")),
        migrations.RunSQL(_OFTEN, _AS_BEFORE),
    ]
