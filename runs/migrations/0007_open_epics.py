"""An epic is open in one run at most, and several GENERATE_STORIES of a project may be active."""

import django.db.models.deletion
from django.db import migrations, models

#: Where two runs have an epic, the older one keeps it.
_FORWARD = """
    INSERT INTO runs_openepic (epic_id, run_id)
    SELECT DISTINCT ON (item.epic_id) item.epic_id, run.id
    FROM runs_run run JOIN runs_runepic item ON item.run_id = run.id
    WHERE run.completed_at IS NULL AND item.epic_id IS NOT NULL
      AND (NOT run.draining OR item.status = 'GENERATING')
    ORDER BY item.epic_id, run.created_at, run.id;

    UPDATE runs_lane SET draining = true
    FROM runs_run run
    WHERE run.id = runs_lane.run_id AND run.draining AND runs_lane.state = 'running';
"""
#: Of several active GENERATE_STORIES of a project, the oldest one goes on.
_BACKWARD = """
    WITH younger AS (
        UPDATE runs_run
        SET status = 'CANCELLED', draining = true, version = version + 1,
            error_code = 'ROLLED_BACK',
            error = 'An older batchgen runs one of these at a time. Retry it with includePending.'
        WHERE type = 'GENERATE_STORIES' AND status IN ('QUEUED', 'RUNNING', 'PAUSED')
          AND EXISTS (
              SELECT FROM runs_run older
              WHERE older.project_id = runs_run.project_id AND older.type = runs_run.type
                AND older.status IN ('QUEUED', 'RUNNING', 'PAUSED')
                AND (older.created_at, older.id) < (runs_run.created_at, runs_run.id)
          )
        RETURNING id, error
    )
    INSERT INTO runs_runlog (run_id, at, level, epic_code, message)
    SELECT id, clock_timestamp(), 'warning', '', error FROM younger;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("epics", "0001_initial"),
        ("runs", "0006_database_clock"),
    ]

    operations = [
        migrations.CreateModel(
            name="OpenEpic",
            fields=[
                (
                    "epic",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="epics.epic",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="runs.run",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="lane",
            name="draining",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddIndex(
            model_name="runepic",
            index=models.Index(
                condition=models.Q(("epic__isnull", False), ("status", "FAILED")),
                fields=["run"],
                name="run_epic_failed",
            ),
        ),
        migrations.RunSQL(sql=_FORWARD, reverse_sql=migrations.RunSQL.noop),
        migrations.RemoveConstraint(model_name="run", name="run_active_once"),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("status__in", ("QUEUED", "RUNNING", "PAUSED")),
                    models.Q(("type", "GENERATE_STORIES"), _negated=True),
                ),
                fields=("project", "type"),
                name="run_active_once",
            ),
        ),
        migrations.RunSQL(sql=migrations.RunSQL.noop, reverse_sql=_BACKWARD),
    ]
