from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('kpis', '0013_alerts_of_before'),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.UniqueConstraint(condition=models.Q(('resolved_at__isnull', True)), fields=('rule',), name='one_unresolved_alert_of_a_rule'),
        ),
    ]
