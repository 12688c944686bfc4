import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import sync.eventlog.cascade
from bos.forming import have_snapshots_taken


def show_anew(apps, schema_editor):
    """Notes have more fields than in the pictures that clients have, and in the log."""
    sessions = apps.get_model("collaboration", "Session").objects.order_by()
    organizations = set(sessions.values_list("organization_id", flat=True).distinct())
    have_snapshots_taken(apps.get_model("sync", "StreamHead"), organizations)


class Migration(migrations.Migration):
    dependencies = [
        ("bos", "0012_service_accounts"),
        ("collaboration", "0006_threads"),
        ("sync", "0005_event_source"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="NotedThing",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("entity_type", models.CharField(max_length=32)),
                ("entity_id", models.UUIDField()),
                ("name", models.CharField(max_length=200)),
                ("open_to_organization", models.BooleanField()),
                ("department_id", models.UUIDField(null=True)),
                ("archived", models.BooleanField(default=False)),
                ("notes", models.IntegerField(default=0)),
                ("bytes", models.BigIntegerField(default=0)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="noted_things",
                        to="bos.organization",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "things with notes",
                "ordering": ("name",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("entity_type", "entity_id", "organization"),
                        name="thing_is_noted_once",
                    )
                ],
            },
        ),
        migrations.AlterField(
            model_name="annotation",
            name="session",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=sync.eventlog.cascade.CASCADE_BEFORE,
                related_name="annotations",
                to="collaboration.session",
            ),
        ),
        migrations.AddField(
            model_name="annotation",
            name="thing",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=sync.eventlog.cascade.CASCADE_BEFORE,
                related_name="annotations",
                to="collaboration.notedthing",
            ),
        ),
        migrations.AddField(
            model_name="annotation",
            name="mentions",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name="annotation",
            name="resolved_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="annotation",
            name="resolved_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="annotation",
            constraint=models.CheckConstraint(
                condition=models.Q(("session__isnull", False), ("thing__isnull", True))
                | models.Q(("session__isnull", True), ("thing__isnull", False)),
                name="note_is_of_a_session_or_on_a_thing",
            ),
        ),
        migrations.RunPython(show_anew, migrations.RunPython.noop),
    ]
