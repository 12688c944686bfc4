from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db import migrations, models
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce

import kpis.keys
from bos.forming import have_snapshots_taken
from kpis.keys import key_of

AT_ONCE = 500


def fill(apps: Any, schema_editor: Any) -> None:
    """Make the keys of names: the first of a name in an organization has it without a number."""
    Kpi, History = apps.get_model("kpis", "Kpi"), apps.get_model("kpis", "HistoricalKpi")
    rows = Kpi.objects.only("pk", "organization_id", "name").order_by("organization_id", "name", "pk")
    taken: defaultdict[Any, set[str]] = defaultdict(set)
    changed = []
    for kpi in rows:
        of_organization = taken[kpi.organization_id]
        kpi.key = key_of(kpi.name, of_organization)
        of_organization.add(kpi.key)
        changed.append(kpi)
    Kpi.objects.bulk_update(changed, ["key"], batch_size=AT_ONCE)
    # So that the first change of a KPI after this tells of no key that was given.
    own = Subquery(Kpi.objects.filter(pk=OuterRef("id")).values("key")[:1])
    History.objects.update(key=Coalesce(own, models.Value("")))
    have_snapshots_taken(apps.get_model("sync", "StreamHead"), taken)


FIELD = {
    "blank": True,
    "help_text": "What systems that send values call it. Empty: made of the name.",
    "max_length": 64,
    "validators": [kpis.keys.validate_key],
}


class Migration(migrations.Migration):
    dependencies = [("kpis", "0009_words_of_alert_rules"), ("sync", "0005_event_source")]
    operations = [
        migrations.AddField("historicalkpi", "key", models.CharField(**FIELD, default=""), False),
        migrations.AddField("kpi", "key", models.CharField(**FIELD, default=""), False),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
