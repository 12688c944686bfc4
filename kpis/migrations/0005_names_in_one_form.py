from django.db import migrations

from bos.texts import store_in_one_form


def form(apps, schema_editor):
    """Rows whose names become the same all stay: whoever means one of them gives its id."""
    store_in_one_form(apps.get_model("kpis", "Kpi"), "name", "unit")


class Migration(migrations.Migration):

    dependencies = [
        ('kpis', '0004_asked_predictions'),
    ]

    operations = [
        migrations.RunPython(form, migrations.RunPython.noop),
    ]
