-- A story's subtasks are replaced, but those that the run keeps; new ones take the codes that are
-- free. A story that is gone, as where its epic's stories are written anew at the same time, is
-- not found here any more; one that goes later takes these subtasks with it.
subtasks_target AS (
    SELECT done.item_id, done.run_id, done.options, done.result -> 'subtasks' AS subtasks,
           story.id AS story_id, story.project_id, story.code
    FROM (SELECT * FROM done ORDER BY target_id) AS done, LATERAL (
        SELECT id, project_id, code FROM epics_story WHERE id = done.target_id
        FOR NO KEY UPDATE
    ) AS story
), subtasks_held AS MATERIALIZED (
    -- Locked: an edit or a review that is under way counts, and later ones find what is left.
    SELECT target.item_id, subtask.id, subtask.code,
           epics_kept(subtask.edited_at, subtask.review_status, target.options) AS kept
    FROM (
        SELECT target.item_id, target.options, below.id
        FROM subtasks_target target, LATERAL (
            SELECT id FROM epics_subtask WHERE story_id = target.story_id OFFSET 0
        ) AS below
        ORDER BY below.id
    ) AS target, LATERAL (
        SELECT id, code, edited_at, review_status FROM epics_subtask WHERE id = target.id
        FOR UPDATE
    ) AS subtask
), subtasks_gone AS (
    DELETE FROM epics_subtask
    WHERE id = ANY(ARRAY(SELECT id FROM subtasks_held WHERE NOT kept))
    RETURNING epics_subtask.*
), subtasks_kept AS (
    SELECT target.*, (
        SELECT COUNT(*) FROM subtasks_held held WHERE held.item_id = target.item_id AND held.kept
    ) AS kept
    FROM subtasks_target target
), subtasks_free AS MATERIALIZED (
    -- Numbers that no subtask has that stays.
    SELECT target.item_id, number,
           ROW_NUMBER() OVER (PARTITION BY target.item_id ORDER BY number) AS place
    FROM subtasks_kept target,
         generate_series(1, jsonb_array_length(target.subtasks) + target.kept) AS number
    WHERE NOT EXISTS (
        SELECT FROM subtasks_held held
        WHERE held.item_id = target.item_id AND held.kept
          AND held.code = target.code || '-T' || number
    )
), subtasks_new AS (
    INSERT INTO epics_subtask (
        id, story_id, project_id, run_id, code, "order", title, description, kind, effort_hours,
        criteria, created_at, version
    )
    SELECT given.id, target.story_id, target.project_id, target.run_id,
           target.code || '-T' || free.number, free.number, given.title, given.description,
           given.kind, given.effort_hours, given.criteria, clock_timestamp(), 1
    FROM (SELECT COUNT(*) FROM subtasks_gone) AS first
    CROSS JOIN subtasks_kept target
    CROSS JOIN LATERAL jsonb_to_recordset(target.subtasks) AS given (
        id uuid, "order" int, title text, description text, kind text, effort_hours numeric,
        criteria smallint[]
    )
    JOIN subtasks_free free ON free.item_id = target.item_id AND free.place = given."order"
    RETURNING epics_subtask.*
), subtasks_replaced AS (
    -- Where there were subtasks before: the first ones are nobody's change.
    INSERT INTO epics_contentchange (project_id, kind, parent_id, code, change, fields, run_id)
    SELECT target.project_id, 'subtask', target.story_id, changed.code, changed.change,
           changed.fields, target.run_id
    FROM subtasks_target target, LATERAL (
        SELECT jsonb_object_agg(gone.code, to_jsonb(gone)) AS rows
        FROM subtasks_gone gone WHERE gone.story_id = target.story_id
    ) before, LATERAL (
        SELECT jsonb_object_agg(new.code, to_jsonb(new)) AS rows
        FROM subtasks_new new WHERE new.story_id = target.story_id
    ) after, LATERAL epics_changes(
        before.rows, after.rows, '{title,description,kind,effort_hours,order,criteria}'
    ) changed
    WHERE EXISTS (SELECT FROM subtasks_held held WHERE held.item_id = target.item_id)
), subtasks_stored AS (
    SELECT target.item_id, target.kept, (
        SELECT COUNT(*) FROM subtasks_new subtask WHERE subtask.story_id = target.story_id
    ) AS created
    FROM subtasks_kept target
)
