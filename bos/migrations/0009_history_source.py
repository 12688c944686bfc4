from __future__ import annotations

from django.db import migrations

MODELS = (
    "historicalorganization",
    "historicaldepartment",
    "historicalemployee",
    "historicaluser",
)


class Migration(migrations.Migration):
    dependencies = [("bos", "0008_deleting")]
    operations = [migrations.RenameField(model, "door", "source") for model in MODELS]
