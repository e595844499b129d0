"""Gates that people close and open, with the trail of who did."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0009_item_progress"),
    ]

    operations = [
        migrations.CreateModel(
            name="GateAction",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("gate", models.CharField(max_length=150)),
                ("model", models.CharField(max_length=100)),
                (
                    "kind",
                    models.CharField(choices=[("close", "Close"), ("open", "Open")], max_length=10),
                ),
                ("actor", models.CharField(max_length=150)),
                ("actor_id", models.BigIntegerField(null=True)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("until", models.DateTimeField(null=True)),
                ("reason", models.CharField(blank=True, default="", max_length=200)),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.AlterModelOptions(
            name="closure",
            options={
                "verbose_name": "closing of a gate",
                "verbose_name_plural": "closings of gates",
            },
        ),
        migrations.AlterField(
            model_name="closure",
            name="reason",
            field=models.CharField(max_length=200),
        ),
        # Undone: a reason of a person's may be longer than a code.
        migrations.RunSQL(
            sql=migrations.RunSQL.noop,
            reverse_sql="UPDATE runs_closure SET reason = left(reason, 50);",
        ),
        migrations.RunSQL(
            sql="""
                CREATE TRIGGER runs_gateaction_keep BEFORE UPDATE ON runs_gateaction
                    FOR EACH ROW EXECUTE FUNCTION runs_runaction_keep();
            """,
            reverse_sql="DROP TRIGGER runs_gateaction_keep ON runs_gateaction;",
        ),
    ]
