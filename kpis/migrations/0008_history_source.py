from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("kpis", "0007_insight_rhythm")]
    operations = [migrations.RenameField("historicalkpi", "door", "source")]
