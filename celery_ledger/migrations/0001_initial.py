"""The tables of the ledger; those of `jobs`, as the app was called before, become them."""

import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.db import migrations, models

from celery_ledger.ledger.adoption import AdoptOrCreate

# Each job leaves three dead rows: published, claimed, settled. By PostgreSQL's default a ledger of five million settled
# jobs is vacuumed once a million rows are dead, and until then each look for due jobs steps over them.
VACUUM_OFTEN = """
    alter table celery_ledger_job set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.02)
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        AdoptOrCreate(operations=[
            migrations.RunSQL("create sequence celery_ledger_job_seq", "drop sequence celery_ledger_job_seq"),
            migrations.CreateModel(
                name='BeatEntry',
                fields=[
                    ('name', models.CharField(max_length=200, primary_key=True, serialize=False)),
                    ('missed', models.CharField(blank=True, choices=[('once', 'run once for all of them'), ('each', 'run once for each of them'), ('skip', 'do not run them')], help_text='What becomes of ticks that fell due while no beat ran. Empty: once for intervals and for crontabs with several times an hour, each for others.', max_length=8, verbose_name='missed ticks')),
                    ('refused', models.TextField(blank=True, editable=False, help_text='Why the entry, or its last tick, is refused.')),
                    ('refused_at', models.DateTimeField(blank=True, editable=False, null=True)),
                    ('shipped', models.TextField(blank=True, editable=False, help_text='The entry as `beat_schedule` in the code had it when it was written.')),
                    ('plan', models.TextField(blank=True, editable=False, help_text='The schedule that beat saw last.')),
                    ('owed_since', models.DateTimeField(blank=True, editable=False, help_text='When the schedule was changed or the entry enabled: no tick from before that is owed.', null=True)),
                ],
                options={
                    'verbose_name': 'schedule entry',
                    'verbose_name_plural': 'schedule entries',
                    'db_table': 'celery_ledger_beatentry',
                },
            ),
            migrations.CreateModel(
                name='Chord',
                fields=[
                    ('group_id', models.UUIDField(primary_key=True, serialize=False)),
                    ('body', models.JSONField()),
                    ('size', models.PositiveIntegerField(help_text='Number of parts.', null=True)),
                    ('returned', models.PositiveIntegerField(db_default=0, help_text='Parts that succeeded.')),
                    ('places', models.JSONField(help_text="Where a part's result belongs in a header that contains groups.", null=True)),
                    ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('fired_at', models.DateTimeField(null=True)),
                ],
                options={
                    'db_table': 'celery_ledger_chord',
                    'indexes': [models.Index(fields=['created_at'], name='ledger_chord_age')],
                },
            ),
            migrations.CreateModel(
                name='Job',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('seq', models.BigIntegerField(db_default=models.Func(models.Value('celery_ledger_job_seq'), function='nextval'), editable=False)),
                    ('name', models.CharField(max_length=200)),
                    ('queue', models.CharField(max_length=64)),
                    ('state', models.CharField(choices=[('scheduled', 'Scheduled'), ('queued', 'Queued'), ('running', 'Running'), ('retrying', 'Retrying'), ('succeeded', 'Succeeded'), ('dead', 'Dead'), ('cancelled', 'Cancelled')], default='queued', max_length=16)),
                    ('args', models.JSONField(default=list)),
                    ('kwargs', models.JSONField(default=dict)),
                    ('canvas', models.JSONField(default=dict, help_text='callbacks, errbacks, chain and chord of the Celery message.')),
                    ('headers', models.JSONField(default=dict, help_text="The Celery message's headers, as the caller wrote them.")),
                    ('run_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('attempts', models.PositiveIntegerField(default=0)),
                    ('max_attempts', models.PositiveIntegerField()),
                    ('attempts_before', models.PositiveIntegerField(default=0, help_text='Attempts before the last retry by hand: delays begin again after them.')),
                    ('publications', models.PositiveIntegerField(default=0)),
                    ('priority', models.SmallIntegerField(db_default=0, help_text='Within its queue the job with the lower number is published first.')),
                    ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('published_at', models.DateTimeField(blank=True, null=True)),
                    ('started_at', models.DateTimeField(blank=True, null=True)),
                    ('finished_at', models.DateTimeField(blank=True, null=True)),
                    ('cancel_requested_at', models.DateTimeField(blank=True, null=True)),
                    ('expires_at', models.DateTimeField(blank=True, help_text='A job that has not begun by then is cancelled.', null=True)),
                    ('claim_token', models.UUIDField(blank=True, help_text='The fence: only its holder may settle.', null=True)),
                    ('lease_until', models.DateTimeField(blank=True, null=True)),
                    ('worker', models.CharField(blank=True, help_text='Node name and process of the last claim.', max_length=200)),
                    ('order_key', models.CharField(blank=True, max_length=200, null=True)),
                    ('unique_key', models.CharField(blank=True, max_length=200, null=True)),
                    ('share_key', models.CharField(blank=True, max_length=200, null=True)),
                    ('root_id', models.UUIDField(help_text='The first job of the canvas or family that this one belongs to.')),
                    ('parent_id', models.UUIDField(blank=True, null=True)),
                    ('group_id', models.UUIDField(blank=True, null=True)),
                    ('group_index', models.PositiveIntegerField(blank=True, null=True)),
                    ('request_id', models.CharField(blank=True, max_length=64)),
                    ('error', models.TextField(blank=True, help_text='The last error in one line; all of them are in JobError.')),
                    ('result', models.JSONField(blank=True, null=True)),
                ],
                options={
                    'db_table': 'celery_ledger_job',
                    'ordering': ('-created_at', '-id'),
                    'permissions': (('operate_job', 'Can retry and cancel jobs'),),
                    'indexes': [models.Index(condition=models.Q(('published_at__isnull', True), ('share_key__isnull', True), ('state__in', ('queued', 'scheduled', 'retrying'))), fields=['queue', 'priority', 'run_at'], name='ledger_job_due'), models.Index(condition=models.Q(('published_at__isnull', True), ('share_key__isnull', False), ('state__in', ('queued', 'scheduled', 'retrying'))), fields=['queue', 'share_key', 'priority', 'run_at'], name='ledger_job_share'), models.Index(condition=models.Q(('published_at__isnull', False), ('share_key__isnull', False), ('state__in', ('queued', 'running'))), fields=['queue', 'share_key', 'state'], name='ledger_job_share_held'), models.Index(condition=models.Q(('published_at__isnull', False), ('state', 'queued')), fields=['queue', 'published_at'], name='ledger_job_unclaimed'), models.Index(condition=models.Q(('state', 'running')), fields=['lease_until'], name='ledger_job_lease'), models.Index(condition=models.Q(('order_key__isnull', False), ('state__in', ('queued', 'scheduled', 'retrying', 'running'))), fields=['order_key', 'seq'], name='ledger_job_order'), models.Index(condition=models.Q(('expires_at__isnull', False), ('state__in', ('queued', 'scheduled', 'retrying'))), fields=['expires_at'], name='ledger_job_expiry'), models.Index(fields=['root_id'], name='ledger_job_family'), models.Index(condition=models.Q(('state__in', ('succeeded', 'dead', 'cancelled'))), fields=['finished_at', 'state'], name='ledger_job_ended'), models.Index(fields=['-created_at', '-id'], name='ledger_job_newest'), models.Index(condition=models.Q(('state__in', ('queued', 'scheduled', 'retrying', 'running', 'dead'))), fields=['name', 'queue', 'state'], name='ledger_job_live'), models.Index(fields=['name', 'queue', 'state'], name='ledger_job_kinds')],
                    'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['scheduled', 'queued', 'running', 'retrying', 'succeeded', 'dead', 'cancelled'])), name='ledger_job_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('claim_token__isnull', False), ('lease_until__isnull', False), ('state', 'running')), models.Q(models.Q(('state', 'running'), _negated=True), ('claim_token__isnull', True), ('lease_until__isnull', True)), _connector='OR'), name='ledger_job_running_is_claimed'), models.CheckConstraint(condition=models.Q(models.Q(('finished_at__isnull', False), ('state__in', ('succeeded', 'dead', 'cancelled'))), models.Q(models.Q(('state__in', ('succeeded', 'dead', 'cancelled')), _negated=True), ('finished_at__isnull', True)), _connector='OR'), name='ledger_job_finished_has_time'), models.UniqueConstraint(condition=models.Q(('unique_key__isnull', False)), fields=('unique_key',), name='ledger_job_unique_key'), models.UniqueConstraint(condition=models.Q(('order_key__isnull', False), ('state', 'running')), fields=('order_key',), name='ledger_job_one_running_per_key')],
                },
            ),
            migrations.CreateModel(
                name='StoredChain',
                fields=[
                    ('id', models.UUIDField(primary_key=True, serialize=False)),
                    ('root_id', models.UUIDField(help_text='The family of jobs that needs the steps.')),
                    ('steps', models.JSONField(help_text='As in a Celery message: the last step first.')),
                    ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ],
                options={
                    'db_table': 'celery_ledger_chain',
                    'indexes': [models.Index(fields=['created_at'], name='ledger_chain_age')],
                },
            ),
            migrations.CreateModel(
                name='Unreached',
                fields=[
                    ('id', models.UUIDField(primary_key=True, serialize=False)),
                    ('failed_job_id', models.UUIDField()),
                    ('is_chord_body', models.BooleanField(default=False)),
                    ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ],
                options={
                    'db_table': 'celery_ledger_unreached',
                    'indexes': [models.Index(fields=['created_at'], name='ledger_unreached_age')],
                },
            ),
            migrations.CreateModel(
                name='ChordPart',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('index', models.PositiveIntegerField()),
                    ('succeeded', models.BooleanField()),
                    ('result', models.JSONField(null=True)),
                    ('chord', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='celery_ledger.chord')),
                ],
                options={
                    'db_table': 'celery_ledger_chordpart',
                    'indexes': [models.Index(condition=models.Q(('succeeded', False)), fields=['chord'], name='ledger_chordpart_failed')],
                    'constraints': [models.UniqueConstraint(fields=('chord', 'index'), name='ledger_chordpart_once')],
                },
            ),
            migrations.CreateModel(
                name='JobError',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('attempt', models.PositiveIntegerField()),
                    ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('worker', models.CharField(blank=True, max_length=200)),
                    ('fate', models.CharField(max_length=16)),
                    ('error_class', models.CharField(blank=True, max_length=200)),
                    ('error_module', models.CharField(blank=True, db_default='', default='', max_length=200)),
                    ('error_args', models.JSONField(help_text="The exception's arguments, for the process that waits for the result.", null=True)),
                    ('message', models.TextField(blank=True)),
                    ('traceback', models.TextField(blank=True)),
                    ('job', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='failures', to='celery_ledger.job')),
                ],
                options={
                    'db_table': 'celery_ledger_error',
                    'ordering': ('attempt', 'id'),
                    'indexes': [models.Index(fields=['at'], name='ledger_error_at')],
                },
            ),
            migrations.RunSQL(VACUUM_OFTEN, migrations.RunSQL.noop),
        ]),
    ]
