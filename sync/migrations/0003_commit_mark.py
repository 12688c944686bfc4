from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sync', '0002_processors'),
    ]

    operations = [
        migrations.CreateModel(
            name='CommitMark',
            fields=[
                ('id', models.UUIDField(primary_key=True, serialize=False)),
                ('at_us', models.BigIntegerField()),
            ],
        ),
    ]
