from django.db import migrations

from bos.texts import store_in_one_form


def form(apps, schema_editor):
    """Rows whose names become the same all stay: whoever means one of them gives its id."""
    store_in_one_form(apps.get_model("bos", "Organization"), "name")
    store_in_one_form(apps.get_model("bos", "Department"), "name")
    store_in_one_form(apps.get_model("bos", "Employee"), "name", "title")
    store_in_one_form(apps.get_model("bos", "User"), "name")


class Migration(migrations.Migration):

    dependencies = [
        ('bos', '0006_jobs'),
    ]

    operations = [
        migrations.RunPython(form, migrations.RunPython.noop),
    ]
