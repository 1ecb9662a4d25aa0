"""Jobs of many owners take turns by a share key. Its indexes come with 0008."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0004_beat_entries")]

    operations = [
        migrations.AddField("job", "share_key", models.CharField(blank=True, max_length=200, null=True)),
    ]
