"""What a run's kind offers is kept in one column, which is the kind's own."""

from django.db import migrations, models

_FORWARD = """
    UPDATE runs_run SET options = jsonb_build_object(
        'mode', mode, 'persona_set', persona_set,
        'skip_quality_check', skip_quality_check, 'keep_edited', keep_edited
    )
    WHERE type IN ('GENERATE_STORIES', 'GENERATE_ALL_STORIES')
"""
_BACKWARD = """
    UPDATE runs_run
    SET mode = COALESCE(options ->> 'mode', mode),
        persona_set = COALESCE(options ->> 'persona_set', persona_set),
        skip_quality_check
            = COALESCE((options ->> 'skip_quality_check')::boolean, skip_quality_check),
        keep_edited = COALESCE((options ->> 'keep_edited')::boolean, keep_edited)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0013_run_items"),
    ]

    operations = [
        migrations.AddField(
            model_name="run",
            name="options",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.RunSQL(_FORWARD, _BACKWARD),
        *[
            migrations.RemoveField(model_name="run", name=name)
            for name in ("mode", "persona_set", "skip_quality_check", "keep_edited")
        ],
    ]
