"""When a worker last claimed an item in each lane: what tells a run that waits from one that is
stuck. Until then, of the lanes of open runs, when they were last moved."""

from django.db import migrations, models
from django.db.models import F


def moved_last(apps, schema_editor):
    lanes = apps.get_model("runs", "Lane").objects.filter(run__completed_at__isnull=True)
    lanes.update(claimed_at=F("moved_at"))


class Migration(migrations.Migration):
    dependencies = [("runs", "0024_ledger")]

    operations = [
        migrations.AddField(
            model_name="lane",
            name="claimed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RunPython(moved_last, migrations.RunPython.noop),
    ]
