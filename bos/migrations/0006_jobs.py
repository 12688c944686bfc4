import django.db.models.deletion
from django.db import migrations, models


def adopt(apps, schema_editor):
    """Give jobs that wait already a row of their own: without one they would never be taken."""
    Job = apps.get_model("bos", "Job")
    for waiting in apps.get_model("django_q", "OrmQ").objects.all():
        Job(ormq_ptr_id=waiting.pk, queue=waiting.key).save_base(raw=True)


class Migration(migrations.Migration):
    dependencies = [
        ("bos", "0005_emails_of_an_organization"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [
        migrations.CreateModel(
            name="Job",
            fields=[
                (
                    "ormq_ptr",
                    models.OneToOneField(
                        auto_created=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        parent_link=True,
                        primary_key=True,
                        serialize=False,
                        to="django_q.ormq",
                    ),
                ),
                ("organization_id", models.CharField(blank=True, default="", max_length=64)),
                (
                    "user_id",
                    models.CharField(
                        blank=True, default="", max_length=64, verbose_name="asked for by"
                    ),
                ),
                ("queue", models.CharField(default="", max_length=100)),
                ("turn", models.BigIntegerField(default=0)),
                ("begun", models.PositiveSmallIntegerField(default=0, verbose_name="times begun")),
                ("ended", models.PositiveSmallIntegerField(default=0, verbose_name="times failed")),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization_id", "user_id"], name="job_by_who_waits"),
                    models.Index(fields=["queue", "turn"], name="job_by_turn"),
                    models.Index(
                        fields=["queue", "organization_id", "turn"], name="job_by_owner_turn"
                    ),
                ],
            },
            bases=("django_q.ormq",),
        ),
        migrations.RunPython(adopt, migrations.RunPython.noop),
    ]
