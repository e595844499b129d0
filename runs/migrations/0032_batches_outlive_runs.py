"""What is out in the provider's batches is booked, whatever becomes of its run."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0031_budgets_in_order"),
    ]

    operations = [
        migrations.AlterField(
            model_name="providerbatch",
            name="run",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="batches",
                to="runs.run",
            ),
        ),
    ]
