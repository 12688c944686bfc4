import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

import bos.sealed
import bos.texts


class Migration(migrations.Migration):

    dependencies = [
        ('bos', '0014_outside'),
    ]

    operations = [
        migrations.CreateModel(
            name='Webhook',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('address', models.CharField(max_length=2000)),
                ('event_types', models.JSONField(blank=True, default=list)),
                ('secret', bos.sealed.SealedField()),
                ('former_secret', bos.sealed.SealedField()),
                ('former_until', models.DateTimeField(editable=False, null=True)),
                ('state', models.CharField(choices=[('active', 'Active'), ('paused', 'Paused'), ('off', 'Switched off')], default='active', editable=False, max_length=16)),
                ('reason', models.CharField(blank=True, default='', editable=False, max_length=300)),
                ('log_id', models.CharField(editable=False, max_length=64)),
                ('position', models.BigIntegerField(default=0, editable=False)),
                ('failures', models.PositiveIntegerField(default=0, editable=False)),
                ('failing_since', models.DateTimeField(editable=False, null=True)),
                ('due_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('lease', models.UUIDField(editable=False, null=True)),
                ('leased_until', models.DateTimeField(editable=False, null=True)),
                ('delivered_at', models.DateTimeField(editable=False, null=True)),
                ('took_ms', models.PositiveIntegerField(editable=False, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.RESTRICT, related_name='webhooks', to='bos.serviceaccount', verbose_name='service account')),
                ('created_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='webhooks', to='bos.organization')),
            ],
            options={
                'ordering': ('name',),
                'indexes': [models.Index(condition=models.Q(('state', 'active')), fields=['due_at'], name='webhooks_that_are_due')],
                'constraints': [models.UniqueConstraint(fields=('organization', 'name'), name='webhook_name_is_unique'), models.CheckConstraint(condition=models.Q(('state__in', ['active', 'paused', 'off'])), name='webhook_has_a_known_state')],
            },
        ),
        migrations.CreateModel(
            name='WebhookAttempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('sequence', models.BigIntegerField(null=True)),
                ('status', models.PositiveSmallIntegerField(null=True)),
                ('took_ms', models.PositiveIntegerField(null=True)),
                ('error', models.CharField(blank=True, default='', max_length=300)),
                ('webhook', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attempts', to='bos.webhook')),
            ],
            options={
                'ordering': ('-pk',),
            },
        ),
    ]
