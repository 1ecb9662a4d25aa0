"""Staff may be allowed to view jobs, or to operate them as well."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("jobs", "0005_shares")]

    operations = [
        migrations.AlterModelOptions(
            "job",
            options={
                "ordering": ("-created_at", "-id"),
                "permissions": (("operate_job", "Can retry and cancel jobs"),),
            },
        ),
    ]
