"""Mailed tokens name the address and the sign-up that they prove; clients that logged in are known."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

FILL = """
    update accounts_mailedtoken
       set address = accounts_user.email
      from accounts_user
     where accounts_user.id = accounts_mailedtoken.user_id
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_webhook")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="sign_up_number",
            field=models.PositiveIntegerField(
                default=1,
                editable=False,
                help_text="which sign-up of this address the password and the name are from",
            ),
        ),
        migrations.AddField(
            model_name="mailedtoken",
            name="address",
            field=models.EmailField(default="", help_text="where the token was mailed to", max_length=254),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="mailedtoken",
            name="sign_up_number",
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="KnownClient",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("key", models.CharField(max_length=64)),
                ("seen_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="known_clients",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["seen_at"], name="accounts_known_client_expired")],
                "constraints": [
                    models.UniqueConstraint(fields=("user", "key"), name="accounts_known_client_once")
                ],
            },
        ),
    ]
