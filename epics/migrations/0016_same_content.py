from django.db import migrations, models

CHANGES = """
-- What became of rows, each {code: row as to_jsonb gives it}, as far as these columns go: the rows
-- of ContentChange, without whom and where. What stands there in the same words is told as "same".
CREATE OR REPLACE FUNCTION epics_changes(before jsonb, after jsonb, names text[])
RETURNS TABLE (code text, change text, fields jsonb) LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN QUERY
    SELECT both_sides.code,
           CASE WHEN told.fields IS NULL THEN 'same' ELSE both_sides.change END,
           COALESCE(told.fields, '{}')
    FROM (
        SELECT COALESCE(old.key, new.key) AS code, old.value AS was, new.value AS now,
               CASE WHEN old.key IS NULL THEN 'added' WHEN new.key IS NULL THEN 'removed'
                   ELSE 'changed' END AS change
        FROM jsonb_each(COALESCE(before, '{}')) old
        FULL JOIN jsonb_each(COALESCE(after, '{}')) new ON new.key = old.key
    ) both_sides,
    LATERAL (
        -- As the API says it: userStory.
        SELECT jsonb_object_agg(
            lower(left(name, 1)) || substr(replace(initcap(replace(name, '_', ' ')), ' ', ''), 2),
            CASE both_sides.change
                WHEN 'added' THEN jsonb_build_object('after', now -> name)
                WHEN 'removed' THEN jsonb_build_object('before', was -> name)
                ELSE jsonb_build_object('before', was -> name, 'after', now -> name)
            END
        ) AS fields
        FROM unnest(names) AS name
        WHERE was -> name IS DISTINCT FROM now -> name
    ) told
    ORDER BY both_sides.code;
END $$;
"""

NOT_TOLD = """
DELETE FROM epics_contentchange WHERE change = 'same';
-- What became of rows, each {code: row as to_jsonb gives it}, as far as these columns go: the rows
-- of ContentChange, without whom and where.
CREATE OR REPLACE FUNCTION epics_changes(before jsonb, after jsonb, names text[])
RETURNS TABLE (code text, change text, fields jsonb) LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN QUERY
    SELECT both_sides.code, both_sides.change, told.fields
    FROM (
        SELECT COALESCE(old.key, new.key) AS code, old.value AS was, new.value AS now,
               CASE WHEN old.key IS NULL THEN 'added' WHEN new.key IS NULL THEN 'removed'
                   ELSE 'changed' END AS change
        FROM jsonb_each(COALESCE(before, '{}')) old
        FULL JOIN jsonb_each(COALESCE(after, '{}')) new ON new.key = old.key
    ) both_sides,
    LATERAL (
        -- As the API says it: userStory.
        SELECT jsonb_object_agg(
            lower(left(name, 1)) || substr(replace(initcap(replace(name, '_', ' ')), ' ', ''), 2),
            CASE both_sides.change
                WHEN 'added' THEN jsonb_build_object('after', now -> name)
                WHEN 'removed' THEN jsonb_build_object('before', was -> name)
                ELSE jsonb_build_object('before', was -> name, 'after', now -> name)
            END
        ) AS fields
        FROM unnest(names) AS name
        WHERE was -> name IS DISTINCT FROM now -> name
    ) told
    WHERE told.fields IS NOT NULL
    ORDER BY both_sides.code;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("epics", "0015_kept_cards"),
    ]

    operations = [
        migrations.AlterField(
            model_name="contentchange",
            name="change",
            field=models.CharField(
                choices=[
                    ("added", "Added"),
                    ("changed", "Changed"),
                    ("removed", "Removed"),
                    ("same", "Same"),
                ],
                max_length=10,
            ),
        ),
        migrations.RunSQL(CHANGES, NOT_TOLD),
    ]
