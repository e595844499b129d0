"""What the content kinds' SQL shares: which rows a run keeps, and what it changed.

Functions, because each statement of a volatile one sees what has been committed up to then, locks
that it waited for included; a part of the caller's statement sees what was there when that began.
"""

from django.db import migrations

KEPT = """
-- Whether a run with these options keeps a row for its own sake.
CREATE FUNCTION epics_kept(edited_at timestamptz, review_status text, told jsonb)
RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT edited_at IS NOT NULL AND COALESCE((told ->> 'keep_edited')::boolean, true)
        OR review_status = 'approved' AND COALESCE((told ->> 'keep_approved')::boolean, true)
$$;

-- Hold all that stands below these epics, whose rows the caller has locked: edits and reviews that
-- are under way are waited for, and later ones find what the caller leaves. Returns the argument,
-- to be what `epics_kept_stories` or `epics_kept_epics` is called with.
CREATE FUNCTION epics_hold(of_epics uuid[])
RETURNS uuid[] LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM FROM epics_story WHERE epic_id = ANY (of_epics) ORDER BY id FOR UPDATE;
    PERFORM FROM epics_story story JOIN epics_subtask subtask ON subtask.story_id = story.id
    WHERE story.epic_id = ANY (of_epics) ORDER BY subtask.id FOR UPDATE OF subtask;
    RETURN of_epics;
END $$;

-- The stories of these epics that a run with these options keeps, for a subtask's sake too.
CREATE FUNCTION epics_kept_stories(of_epics uuid[], told jsonb)
RETURNS SETOF uuid LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN QUERY
    SELECT story.id FROM epics_story story
    WHERE story.epic_id = ANY (of_epics) AND (
        epics_kept(story.edited_at, story.review_status, told)
        -- Not EXISTS, which may be answered by reading all subtasks of everybody.
        OR (
            SELECT bool_or(epics_kept(subtask.edited_at, subtask.review_status, told))
            FROM epics_subtask subtask WHERE subtask.story_id = story.id
        )
    );
END $$;

-- Those of these epics that a run with these options keeps, for what stands below them too. What
-- no run made is never replaced.
CREATE FUNCTION epics_kept_epics(of_epics uuid[], told jsonb)
RETURNS SETOF uuid LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN QUERY
    SELECT epic.id FROM epics_epic epic
    WHERE epic.id = ANY (of_epics) AND (
        epic.origin <> 'generated'
        OR epics_kept(epic.edited_at, epic.review_status, told)
        OR EXISTS (SELECT FROM epics_kept_stories(ARRAY[epic.id], told))
    );
END $$;
"""

CHANGES = """
-- What became of rows, each {code: row as to_jsonb gives it}, as far as these columns go: the rows
-- of ContentChange, without whom and where.
CREATE FUNCTION epics_changes(before jsonb, after jsonb, names text[])
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

FORGET = """
DROP FUNCTION epics_changes(jsonb, jsonb, text[]);
DROP FUNCTION epics_kept_epics(uuid[], jsonb);
DROP FUNCTION epics_kept_stories(uuid[], jsonb);
DROP FUNCTION epics_hold(uuid[]);
DROP FUNCTION epics_kept(timestamptz, text, jsonb);
"""

#: What stands below a row that a run replaces goes with it. Where a person deletes it, Django does.
REFERRING = """
DO $$
DECLARE held record;
BEGIN
    FOR held IN
        SELECT conname, conrelid::regclass AS place, pg_get_constraintdef(oid) AS definition
        FROM pg_constraint
        WHERE contype = 'f' AND (conrelid, confrelid) IN (
            ('epics_epiccard'::regclass, 'epics_epic'::regclass),
            ('epics_storycount'::regclass, 'epics_epic'::regclass),
            ('epics_story'::regclass, 'epics_epic'::regclass),
            ('epics_subtask'::regclass, 'epics_story'::regclass)
        )
    LOOP
        EXECUTE format(
            'ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %I %s',
            held.place, held.conname, held.conname, replace(held.definition, 'OLD', 'NEW')
        );
    END LOOP;
END $$;
"""
PLAIN, CASCADING = " DEFERRABLE", " ON DELETE CASCADE DEFERRABLE"


class Migration(migrations.Migration):
    dependencies = [
        ("epics", "0011_project_brand_voice"),
    ]

    operations = [
        migrations.RunSQL(KEPT + CHANGES, FORGET),
        migrations.RunSQL(
            REFERRING.replace("OLD", PLAIN).replace("NEW", CASCADING),
            REFERRING.replace("OLD", CASCADING).replace("NEW", PLAIN),
        ),
    ]
