import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('bos', '0012_service_accounts'),
    ]

    operations = [
        migrations.CreateModel(
            name='AccountLink',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='account_link', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('kind', models.CharField(choices=[('invitation', 'Invitation'), ('reset', 'Forgotten password')], max_length=16)),
                ('number', models.PositiveIntegerField(default=0)),
                ('asked_at', models.DateTimeField()),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('next_try_at', models.DateTimeField(db_index=True, null=True)),
                ('sent_at', models.DateTimeField(null=True)),
                ('problem', models.CharField(blank=True, default='', max_length=300)),
                ('used_at', models.DateTimeField(null=True)),
                ('asked_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='account_links', to='bos.organization')),
            ],
            options={
                'indexes': [models.Index(fields=['organization', 'sent_at'], name='links_by_when_sent')],
            },
        ),
    ]
