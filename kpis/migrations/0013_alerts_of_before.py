from django.db import migrations
from django.db.models import F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from bos.forming import have_snapshots_taken


def settle(apps, schema_editor):
    """Of each rule whose KPI is still beyond the newest alert is unresolved, and no other: when the
    others' KPIs were back is not known, when somebody acknowledged them is."""
    Alert = apps.get_model("kpis", "Alert")
    shown = set(
        Alert.objects.filter(acknowledged_at=None).values_list("organization_id", flat=True)
    )
    of_rule = Alert.objects.filter(rule=OuterRef("rule"), rule__raised=True)
    newest = of_rule.order_by("-raised_at", "-pk").values("pk")[:1]
    over = Alert.objects.filter(resolved_at=None).annotate(newest=Subquery(newest))
    over = over.filter(Q(newest=None) | ~Q(newest=F("pk")))
    over.update(resolved_at=Coalesce("acknowledged_at", Value(timezone.now())))
    unresolved = Alert.objects.filter(resolved_at=None)
    shown |= set(unresolved.values_list("organization_id", flat=True))
    have_snapshots_taken(apps.get_model("sync", "StreamHead"), shown)


class Migration(migrations.Migration):

    dependencies = [
        ('kpis', '0012_alert_life'),
        ('sync', '0005_event_source'),
    ]

    operations = [
        migrations.RunPython(settle, migrations.RunPython.noop),
    ]
