"""How far an epic is within its run, beside its stage."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0008_unknown_usage"),
    ]

    operations = [
        migrations.AddField(
            model_name="runepic",
            name="remaining_ms",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="runepic",
            name="skipped_stages",
            field=models.JSONField(
                blank=True, db_default=models.Value([], models.JSONField()), default=list
            ),
        ),
        migrations.AddField(
            model_name="runepic",
            name="stage_percent",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.RunSQL(
            "UPDATE runs_runepic SET stage_percent = 100 WHERE status = 'COMPLETED'",
            migrations.RunSQL.noop,
        ),
    ]
