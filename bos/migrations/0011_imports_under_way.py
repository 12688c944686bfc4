from django.db import migrations


def wait_again(apps, schema_editor):
    """Of an organization one import at a time is in the state 'writing', and the others wait for its
    end. There could be several before; each was one transaction, so nothing of them is written."""
    imports = apps.get_model("bos", "Import").objects
    imports.filter(state="writing", plan=None).update(state="confirmed")


class Migration(migrations.Migration):

    dependencies = [
        ('bos', '0010_import_plans'),
    ]

    operations = [
        migrations.RunPython(wait_again, migrations.RunPython.noop),
    ]
