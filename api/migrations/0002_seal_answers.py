"""Seal the answers that were kept in clear; they are of one day at most."""

from django.db import migrations

from api import sealing

BATCH_ROWS = 500


def seal_answers(apps, schema_editor):
    _rewrite(apps, sealing.seal)


def unseal_answers(apps, schema_editor):
    _rewrite(apps, sealing.unseal)


def _rewrite(apps, change):
    IdempotencyKey = apps.get_model("api", "IdempotencyKey")
    rows = list(IdempotencyKey.objects.only("body"))
    for row in rows:
        row.body = change(row.body)
    IdempotencyKey.objects.bulk_update(rows, ["body"], batch_size=BATCH_ROWS)


class Migration(migrations.Migration):
    dependencies = [("api", "0001_initial")]

    operations = [migrations.RunPython(seal_answers, unseal_answers)]
