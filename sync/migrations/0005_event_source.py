"""The way by which a change came is its `source`, in the log as on the wire."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("sync", "0004_topic_columns")]
    operations = [migrations.RenameField("event", "door", "source")]
