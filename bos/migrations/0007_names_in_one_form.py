from django.db import migrations

from bos.forming import form_names, have_snapshots_taken


def form(apps, schema_editor):
    """Rows whose names become the same all stay: whoever means one of them gives its id."""
    organizations = form_names(apps.get_model("bos", "Organization"), "name", organization="pk")
    organizations |= form_names(apps.get_model("bos", "Department"), "name")
    organizations |= form_names(apps.get_model("bos", "Employee"), "name", "title")
    form_names(apps.get_model("bos", "User"), "name")  # of users no client has a picture
    have_snapshots_taken(apps.get_model("sync", "StreamHead"), organizations)


class Migration(migrations.Migration):

    dependencies = [
        ('bos', '0006_jobs'),
        ('sync', '0003_commit_mark'),
    ]

    operations = [
        migrations.RunPython(form, migrations.RunPython.noop),
    ]
