from django.db import migrations, models

import sync.eventlog.cascade


class Migration(migrations.Migration):
    dependencies = [("collaboration", "0005_hosts_and_authors_stay")]

    operations = [
        migrations.AlterField(
            model_name="annotation",
            name="parent",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=sync.eventlog.cascade.CASCADE_TREE,
                related_name="replies",
                to="collaboration.annotation",
            ),
        ),
    ]
