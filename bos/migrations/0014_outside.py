import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import bos.sealed

PROCESSOR = 'outside'


def begin_here(apps, schema_editor):
    """Tell nothing outside that is in the log already: people know it, or did without."""
    ProcessorPosition = apps.get_model('sync', 'ProcessorPosition')
    heads = apps.get_model('sync', 'StreamHead').objects.values_list('organization_id', 'sequence')
    ProcessorPosition.objects.bulk_create(
        [
            ProcessorPosition(name=PROCESSOR, organization_id=organization_id, sequence=sequence)
            for organization_id, sequence in heads
        ],
        batch_size=500,
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):

    dependencies = [
        ('bos', '0013_account_links'),
        ('sync', '0005_event_source'),
    ]

    operations = [
        migrations.CreateModel(
            name='OutsideChannel',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('address', bos.sealed.SealedField()),
                ('service', models.CharField(editable=False, max_length=32)),
                ('alerts', models.BooleanField(default=True)),
                ('least_severity', models.CharField(choices=[('info', 'Info, and all above'), ('warning', 'Warning and critical'), ('critical', 'Critical only')], default='warning', max_length=8, verbose_name='of which severity')),
                ('reports', models.BooleanField(default=False)),
                ('restricted', models.BooleanField(default=False, help_text='Everybody in the room reads it, whatever they may see here.', verbose_name='also what is restricted to a department')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('created_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='outside_channels', to='bos.organization')),
            ],
            options={
                'ordering': ('name',),
            },
        ),
        migrations.CreateModel(
            name='MessageSettings',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='message_settings', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('time_zone', models.CharField(default='UTC', max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name='MessagePreference',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('category', models.CharField(max_length=32)),
                ('medium', models.CharField(choices=[('email', 'Email'), ('push', 'Push'), ('chat', 'Chat')], max_length=8)),
                ('choice', models.CharField(choices=[('at_once', 'At once'), ('digest', 'Once a day'), ('never', 'Never')], max_length=8)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='message_preferences', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'category', 'medium'), name='one_choice_a_category_and_medium')],
            },
        ),
        migrations.CreateModel(
            name='PushSubscription',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('endpoint_hash', models.CharField(max_length=64, unique=True)),
                ('sealed', bos.sealed.SealedField()),
                ('label', models.CharField(max_length=100)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('used_at', models.DateTimeField(null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='push_subscriptions', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('created_at',),
            },
        ),
        migrations.CreateModel(
            name='DeliveryTrouble',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subject', models.CharField(max_length=64)),
                ('told_at', models.DateTimeField()),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='bos.organization')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('organization', 'subject'), name='one_trouble_a_medium_or_channel')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('medium', models.CharField(choices=[('email', 'Email'), ('push', 'Push'), ('chat', 'Chat')], max_length=8)),
                ('kind', models.CharField(choices=[('message', 'Message'), ('digest', 'Mail of the day'), ('more', 'And more'), ('test', 'Test')], default='message', max_length=8)),
                ('category', models.CharField(blank=True, default='', max_length=32)),
                ('entity_type', models.CharField(blank=True, default='', max_length=32)),
                ('entity_id', models.CharField(blank=True, default='', max_length=64)),
                ('moment', models.CharField(blank=True, default='', max_length=16)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('handed', 'Being handed over'), ('gathered', 'In a later mail'), ('sent', 'Sent'), ('dropped', 'Not sent'), ('failed', 'Failed'), ('given_up', 'Given up')], default='waiting', max_length=8)),
                ('error', models.CharField(blank=True, default='', max_length=300)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('created_at', models.DateTimeField()),
                ('began_at', models.DateTimeField()),
                ('next_at', models.DateTimeField(verbose_name='next try')),
                ('sent_at', models.DateTimeField(null=True)),
                ('gather', models.CharField(blank=True, default='', max_length=8)),
                ('day', models.DateField(null=True)),
                ('bundle', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='bos.delivery')),
                ('channel', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='bos.outsidechannel')),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='bos.organization')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'deliveries',
                'ordering': ('-created_at',),
                'indexes': [
                    models.Index(condition=models.Q(('state', 'waiting')), fields=['organization', 'next_at'], name='delivery_that_waits'),
                    models.Index(condition=models.Q(('state__in', ('waiting', 'handed', 'gathered'))), fields=['state', 'next_at'], name='delivery_under_way'),
                    models.Index(fields=['organization', '-created_at'], name='delivery_by_time'),
                    models.Index(fields=['created_at'], name='delivery_by_age'),
                ],
                'constraints': [
                    models.CheckConstraint(condition=models.Q(models.Q(('channel__isnull', False), ('user', None)), models.Q(('channel', None), ('user__isnull', False)), _connector='OR'), name='delivery_is_for_a_person_or_a_channel'),
                    models.UniqueConstraint(condition=models.Q(('day__isnull', False)), fields=('user', 'medium', 'day'), name='one_mail_of_the_day_a_person'),
                    models.UniqueConstraint(condition=models.Q(('channel__isnull', False), ('kind', 'message')), fields=('channel', 'entity_type', 'entity_id', 'moment'), name='a_channel_is_told_once'),
                ],
            },
        ),
        migrations.RunPython(begin_here, migrations.RunPython.noop),
    ]
