"""What a person may start, and of which types a project may have several active runs."""

from django.db import migrations, models

_TYPES = (
    "ANALYZE_CARDS",
    "GENERATE_EPICS",
    "GENERATE_STORIES",
    "GENERATE_ALL_STORIES",
    "GENERATE_SUBTASKS",
    "GENERATE_PAGES",
    "EXPORT",
)
_MANY_AT_ONCE = ("GENERATE_STORIES", "GENERATE_PAGES", "EXPORT")
#: An older batchgen cannot go on with runs of types that it does not know. Workers stand still.
_BACKWARD = """
    WITH ended AS (
        UPDATE runs_run
        SET status = 'CANCELLED', draining = false, completed_at = clock_timestamp(),
            version = version + 1, error_code = 'ROLLED_BACK',
            error = 'An older batchgen cannot go on with a run of this type.'
        WHERE type NOT IN ('GENERATE_STORIES', 'GENERATE_ALL_STORIES') AND completed_at IS NULL
        RETURNING id, error
    ), items AS (
        UPDATE runs_runitem SET status = 'PENDING', stage = '', lane_id = NULL
        FROM ended
        WHERE runs_runitem.run_id = ended.id AND runs_runitem.status IN ('PENDING', 'GENERATING')
    ), lanes AS (
        UPDATE runs_lane
        SET state = 'idle', fencing_token = fencing_token + 1, worker_id = NULL, wake_at = NULL,
            wait_reason = '', moved_at = clock_timestamp()
        FROM ended
        WHERE runs_lane.run_id = ended.id
    ), closed AS (
        DELETE FROM runs_opentarget USING ended WHERE runs_opentarget.run_id = ended.id
    )
    INSERT INTO runs_runlog (run_id, at, level, item_code, message)
    SELECT id, clock_timestamp(), 'warning', '', error FROM ended;
"""
#: Runs of these types were there before an older batchgen was, which knew no kinds.
_FORWARD = """
    UPDATE runs_runitem SET kind = CASE run.type
        WHEN 'ANALYZE_CARDS' THEN 'cards' WHEN 'GENERATE_EPICS' THEN 'epics'
        WHEN 'GENERATE_SUBTASKS' THEN 'subtasks' WHEN 'GENERATE_PAGES' THEN 'pages'
        ELSE 'export'
    END
    FROM runs_run run
    WHERE run.id = runs_runitem.run_id
      AND run.type NOT IN ('GENERATE_STORIES', 'GENERATE_ALL_STORIES')
"""


def _once(*, but: tuple[str, ...]) -> models.UniqueConstraint:
    return models.UniqueConstraint(
        condition=models.Q(
            ("status__in", ("QUEUED", "RUNNING", "PAUSED")),
            models.Q(("type__in", but), _negated=True),
        ),
        fields=("project", "type"),
        name="run_active_once",
    )


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0014_run_options"),
    ]

    operations = [
        migrations.AlterField(
            model_name="run",
            name="type",
            field=models.CharField(
                choices=[(name, name.replace("_", " ").title()) for name in _TYPES],
                max_length=30,
            ),
        ),
        migrations.RemoveConstraint(model_name="run", name="run_active_once"),
        migrations.AddConstraint(model_name="run", constraint=_once(but=_MANY_AT_ONCE)),
        migrations.RunSQL(sql=_FORWARD, reverse_sql=_BACKWARD),
    ]
