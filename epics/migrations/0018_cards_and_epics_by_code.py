"""Lists of cards and epics in the order of their codes, as in that of their titles."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # people write meanwhile

    dependencies = [
        ("epics", "0017_project_monthly_budget"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="card",
            index=models.Index(fields=["project", "code", "id"], name="card_by_code"),
        ),
        AddIndexConcurrently(
            model_name="epic",
            index=models.Index(fields=["project", "code", "id"], name="epic_by_code"),
        ),
    ]
