import django.db.models.deletion
from django.db import migrations, models


def count(apps, schema_editor):
    """Count the notes that exist already."""
    NoteUsage = apps.get_model("collaboration", "NoteUsage")
    usages = {}
    notes = apps.get_model("collaboration", "Annotation").objects.values_list(
        "session_id", "content"
    )
    for session_id, content in notes.iterator(chunk_size=500):
        usage = usages.setdefault(session_id, NoteUsage(session_id=session_id))
        usage.notes += 1
        usage.bytes += len(content.encode())
    NoteUsage.objects.bulk_create(usages.values(), batch_size=500)


class Migration(migrations.Migration):
    dependencies = [("collaboration", "0003_participants_who_return")]

    operations = [
        migrations.CreateModel(
            name="NoteUsage",
            fields=[
                (
                    "session",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="note_usage",
                        serialize=False,
                        to="collaboration.session",
                    ),
                ),
                ("notes", models.IntegerField(default=0)),
                ("bytes", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.RunPython(count, migrations.RunPython.noop),
    ]
