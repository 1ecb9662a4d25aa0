
import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Webhook',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('url', models.URLField(max_length=1000)),
                ('events', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('video.ready', 'Video Ready'), ('video.failed', 'Video Failed')], max_length=32), size=None)),
                ('sealed_secret', models.CharField(help_text='see api.sealing', max_length=500)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='webhooks', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['user', '-created_at', '-id'], name='accounts_webhook_of_user')],
                'constraints': [models.CheckConstraint(condition=models.Q(('url', ''), _negated=True), name='accounts_webhook_url_given'), models.CheckConstraint(condition=models.Q(('events__contained_by', ['video.ready', 'video.failed'])), name='accounts_webhook_events_known'), models.CheckConstraint(condition=models.Q(('events', []), _negated=True), name='accounts_webhook_events_given'), models.CheckConstraint(condition=models.Q(('sealed_secret__startswith', 'gAAAA')), name='accounts_webhook_secret_sealed')],
            },
        ),
    ]
