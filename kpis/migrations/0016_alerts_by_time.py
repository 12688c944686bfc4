from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("kpis", "0015_connectors"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(
                fields=["organization", "-raised_at", "-id"], name="alerts_latest_first"
            ),
        ),
    ]
