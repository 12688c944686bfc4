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

    operations = []
