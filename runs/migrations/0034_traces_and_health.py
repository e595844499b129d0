"""A run knows the trace that it is part of, and what its health was."""

import django.db.models.deletion
from django.db import migrations, models

import runs.run_spans


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0033_ledger_by_time"),
    ]

    operations = [
        migrations.AddField(
            model_name="run",
            name="traceparent",
            field=models.CharField(
                blank=True,
                db_default="",
                default=runs.run_spans.traceparent_now,
                editable=False,
                max_length=55,
            ),
        ),
        migrations.CreateModel(
            name="HealthPeriod",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "verdict",
                    models.CharField(
                        choices=[
                            ("flowing", "Flowing"),
                            ("waiting", "Waiting"),
                            ("stuck", "Stuck"),
                            ("ended", "Ended"),
                        ],
                        max_length=10,
                    ),
                ),
                ("reason", models.TextField()),
                ("next_action", models.TextField(blank=True, db_default="", default="")),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField(blank=True, null=True)),
                (
                    "run",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="runs.run",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["run", "-id"], name="health_of_run")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("until__isnull", True)),
                        fields=("run",),
                        name="health_open_once",
                    )
                ],
            },
        ),
    ]
