from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("epics", "0016_same_content"),
    ]

    operations = [
        migrations.AddField(
            model_name="project",
            name="monthly_budget_micro_usd",
            field=models.BigIntegerField(blank=True, null=True),
        ),
    ]
