from django.db import migrations

from bos.forming import form_names, have_snapshots_taken


def form(apps, schema_editor):
    """Rows whose names become the same all stay: whoever means one of them gives its id."""
    organizations = form_names(apps.get_model("kpis", "Kpi"), "name", "unit")
    have_snapshots_taken(apps.get_model("sync", "StreamHead"), organizations)


class Migration(migrations.Migration):

    dependencies = [
        ('kpis', '0004_asked_predictions'),
        ('sync', '0003_commit_mark'),
    ]

    operations = [
        migrations.RunPython(form, migrations.RunPython.noop),
    ]
