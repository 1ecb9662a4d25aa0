"""Logins of users, with those of the tokens that there are; sessions of before end."""

from datetime import timedelta

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


BATCH_ROWS = 500


def record_tokens(apps, schema_editor):
    AuthToken = apps.get_model("knox", "AuthToken")
    ActiveLogin = apps.get_model("accounts", "ActiveLogin")
    logins = []
    for token in AuthToken.objects.filter(login=None):
        lasts_until = token.expiry or token.created + timedelta(days=settings.TOKEN_DAYS)
        if lasts_until > token.created:
            # Nobody noted when it was used: its idle time begins now.
            logins.append(
                ActiveLogin(
                    user_id=token.user_id,
                    kind="token",
                    token=token,
                    created_at=token.created,
                    last_used_at=django.utils.timezone.now(),
                    expires_at=lasts_until,
                )
            )
    ActiveLogin.objects.bulk_create(logins, batch_size=BATCH_ROWS)


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_credentials'),
        migrations.swappable_dependency(settings.KNOX_TOKEN_MODEL),
        ('knox', '0009_extend_authtoken_field'),
    ]

    operations = [
        migrations.AddField(
            model_name='deletion',
            name='sealed_address',
            field=models.CharField(blank=True, db_default='', default='', help_text='Where the notice goes, until it went; see api.sealing', max_length=1000),
        ),
        migrations.CreateModel(
            name='ActiveLogin',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('session', 'Session'), ('token', 'Token')], max_length=8)),
                ('client', models.CharField(blank=True, help_text='User-Agent of the request that logged in', max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('last_used_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('expires_at', models.DateTimeField()),
                ('token', models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='login', to=settings.KNOX_TOKEN_MODEL)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='logins', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='RecoveryCode',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(help_text='SHA-256 of the code, in hexadecimal', max_length=64)),
                ('used_at', models.DateTimeField(blank=True, null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='recovery_codes', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Session',
            fields=[
                ('session_key', models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name='session key')),
                ('session_data', models.TextField(verbose_name='session data')),
                ('expire_date', models.DateTimeField(db_index=True, verbose_name='expire date')),
                ('login', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='sessions', to='accounts.activelogin')),
            ],
            options={
                'verbose_name': 'session',
                'verbose_name_plural': 'sessions',
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='TwoFactor',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='two_factor', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('sealed_key', models.CharField(help_text='see api.sealing', max_length=500)),
                ('last_step', models.BigIntegerField(default=0, help_text='Time step of the last code that was used; RFC 6238, section 5.2')),
                ('failures', models.PositiveIntegerField(default=0, help_text='Wrong codes in a row')),
                ('last_failed_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('confirmed_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'verbose_name_plural': 'two-factor authentication',
                'constraints': [models.CheckConstraint(condition=models.Q(('sealed_key__startswith', 'gAAAA')), name='accounts_two_factor_key_sealed')],
            },
        ),
        migrations.AddIndex(
            model_name='activelogin',
            index=models.Index(fields=['user', '-created_at', '-id'], name='accounts_login_of_user'),
        ),
        migrations.AddIndex(
            model_name='activelogin',
            index=models.Index(fields=['expires_at'], name='accounts_login_expired'),
        ),
        migrations.AddConstraint(
            model_name='activelogin',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'session'), ('token', None)), models.Q(('kind', 'token'), ('token__isnull', False)), _connector='OR'), name='accounts_login_kind_matches'),
        ),
        migrations.AddConstraint(
            model_name='activelogin',
            constraint=models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('created_at'))), name='accounts_login_expires_later'),
        ),
        migrations.AddConstraint(
            model_name='recoverycode',
            constraint=models.UniqueConstraint(fields=('user', 'digest'), name='accounts_recovery_code_unique'),
        ),
        migrations.AddConstraint(
            model_name='recoverycode',
            constraint=models.CheckConstraint(condition=models.Q(('digest__regex', '^[0-9a-f]{64}$')), name='accounts_recovery_code_is_sha256'),
        ),
        migrations.RunPython(record_tokens, migrations.RunPython.noop),
    ]
