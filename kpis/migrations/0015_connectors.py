import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import bos.sealed


class Migration(migrations.Migration):

    dependencies = [
        ('bos', '0012_service_accounts'),
        ('kpis', '0014_one_unresolved_alert'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Connector',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('kind', models.CharField(choices=[('sql', 'SQL query (PostgreSQL, SQLite)'), ('prometheus', 'Prometheus query'), ('csv', 'CSV address'), ('json', 'JSON address')], max_length=10)),
                ('sealed_address', bos.sealed.SealedField(blank=True, default='', editable=False)),
                ('sealed_token', bos.sealed.SealedField(blank=True, default='', editable=False)),
                ('leads_to', models.CharField(default='', editable=False, max_length=300)),
                ('query', models.TextField(blank=True, help_text='One SELECT in SQL, whose columns are named below; or PromQL.', max_length=20000)),
                ('rows_path', models.CharField(blank=True, help_text='Where the list is in the JSON: /data/items or data.items. Empty: it is all of it.', max_length=200, verbose_name='path to the rows')),
                ('kpi_field', models.CharField(blank=True, help_text="The column, field of JSON or Prometheus label that has the KPI's key or id.", max_length=100, verbose_name='field of the KPI')),
                ('value_field', models.CharField(blank=True, max_length=100, verbose_name='field of the value')),
                ('at_field', models.CharField(blank=True, help_text='When it was measured; without a zone it is UTC, and a number is seconds since 1970. Empty: when it is fetched.', max_length=100, verbose_name='field of the time')),
                ('decimals', models.PositiveSmallIntegerField(blank=True, default=4, help_text='0 to 4. Empty: what has more is refused.', null=True, verbose_name='round to decimals')),
                ('partial', models.BooleanField(default=False, help_text='Of rows of which some are refused. Otherwise one that is refused keeps all of them from being written.', verbose_name='write the good ones')),
                ('rhythm', models.CharField(choices=[('every', 'Every so many minutes'), ('daily', 'Every day at a time')], default='every', max_length=8, verbose_name='when')),
                ('minutes', models.PositiveIntegerField(blank=True, default=60, help_text='5 to 10,080: a week.', null=True)),
                ('daily_at', models.TimeField(blank=True, null=True, verbose_name='at (UTC)')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('version', models.PositiveIntegerField(default=0, editable=False)),
                ('next_run_at', models.DateTimeField(db_index=True, editable=False, null=True, verbose_name='next run')),
                ('run_id', models.UUIDField(editable=False, null=True)),
                ('run_since', models.DateTimeField(editable=False, null=True)),
                ('last_run_at', models.DateTimeField(editable=False, null=True, verbose_name='last run')),
                ('last_success_at', models.DateTimeField(editable=False, null=True)),
                ('written', models.PositiveIntegerField(editable=False, null=True, verbose_name='values written')),
                ('refused', models.JSONField(default=list, editable=False)),
                ('refused_count', models.PositiveIntegerField(default=0, editable=False)),
                ('problem', models.CharField(default='', editable=False, max_length=500)),
                ('failures', models.PositiveIntegerField(default=0, editable=False)),
                ('failing_since', models.DateTimeField(editable=False, null=True)),
                ('told_at', models.DateTimeField(editable=False, null=True)),
                ('account', models.ForeignKey(help_text='Values are written by its rights, and by its name.', on_delete=django.db.models.deletion.RESTRICT, related_name='connectors', to='bos.serviceaccount', verbose_name='service account')),
                ('kpi', models.ForeignKey(blank=True, help_text='Where all values are of one KPI. Otherwise leave it empty.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='kpis.kpi', verbose_name='KPI')),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='connectors', to='bos.organization')),
            ],
            options={
                'ordering': ('name',),
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('daily_at__isnull', False), ('rhythm', 'daily')), models.Q(('minutes__gte', 5), ('minutes__isnull', False), ('minutes__lte', 10080), ('rhythm', 'every')), _connector='OR'), name='connector_has_a_time_to_run')],
            },
        ),
        migrations.CreateModel(
            name='ConnectorTrial',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('sealed_source', bos.sealed.SealedField(blank=True, default='', editable=False)),
                ('outcome', models.TextField(default='', editable=False)),
                ('created_at', models.DateTimeField(db_index=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='bos.serviceaccount')),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='bos.organization')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
    ]
