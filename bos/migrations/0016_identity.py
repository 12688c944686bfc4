import bos.sealed
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('bos', '0015_webhooks'),
    ]

    operations = [
        migrations.AddField(
            model_name='organization',
            name='require_mfa',
            field=models.BooleanField(default=False, help_text='Administrators without one set one up before they get any further.', verbose_name='demand a second factor of administrators'),
        ),
        migrations.AddField(
            model_name='historicalorganization',
            name='require_mfa',
            field=models.BooleanField(default=False, help_text='Administrators without one set one up before they get any further.', verbose_name='demand a second factor of administrators'),
        ),
        migrations.AddField(
            model_name='signin',
            name='session',
            field=models.UUIDField(db_index=True, editable=False, null=True),
        ),
        migrations.CreateModel(
            name='IdentityProvider',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(help_text='People see it on the button.', max_length=100)),
                ('slug', models.SlugField(editable=False, max_length=64, unique=True)),
                ('issuer', models.CharField(help_text='The address under which it describes itself, without “/.well-known/…”.', max_length=500)),
                ('client_id', models.CharField(max_length=255, verbose_name='client ID')),
                ('client_secret', bos.sealed.SealedField(blank=True, default='', editable=False)),
                ('domains', models.CharField(blank=True, help_text='Only people with an email address of one of these come in by it, as in “acme.example, acme.test”. Left empty, all do.', max_length=500, verbose_name='email domains')),
                ('creates_users', models.BooleanField(default=False, help_text='They become viewers. Otherwise they are refused.', verbose_name='add people who have no account here')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='identity_providers', to='bos.organization')),
            ],
            options={
                'ordering': ('name',),
            },
        ),
        migrations.CreateModel(
            name='IdentityLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('issuer', models.CharField(max_length=500)),
                ('subject', models.CharField(max_length=255)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('provider', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='links', to='bos.identityprovider')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('provider', 'issuer', 'subject'), name='a_subject_is_one_user')],
            },
        ),
    ]
