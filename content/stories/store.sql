-- An epic's stories are replaced, but those that the run keeps and those that are open in another
-- one; new ones take the codes that are free.
stories_target AS (
    SELECT done.item_id, done.run_id, done.code, done.result -> 'stories' AS stories, done.options,
           epic.id AS epic_id, epic.project_id,
           -- What changed since the claim is not in these stories.
           COALESCE(epic.prompt_revision <> (done.result ->> 'prompt_revision')::int, false)
               AS outdated
    FROM (SELECT * FROM done ORDER BY target_id) AS done, LATERAL (
        SELECT id, project_id, prompt_revision FROM epics_epic WHERE id = done.target_id
        FOR NO KEY UPDATE
    ) AS epic
), stories_before AS MATERIALIZED (
    SELECT target.item_id, target.epic_id, target.run_id, target.options, ARRAY(
        SELECT story.id FROM epics_story story WHERE story.epic_id = target.epic_id
    ) AS ids
    FROM stories_target target
    WHERE EXISTS (SELECT FROM epics_story WHERE epic_id = target.epic_id OFFSET 0)
), stories_hold AS MATERIALIZED (
    -- Locked: an edit that is under way counts, and one that comes later finds no story any more.
    SELECT epics_hold(array_agg(epic_id ORDER BY epic_id)) AS epics
    FROM stories_before HAVING COUNT(*) > 0
), stories_stay AS MATERIALIZED (
    SELECT epics_kept_stories(ARRAY[target.epic_id], target.options) AS id
    FROM stories_hold, stories_before target
    WHERE target.epic_id = ANY (stories_hold.epics)
    UNION
    SELECT runs_open_elsewhere(target.ids, target.run_id)
    FROM stories_hold, stories_before target
    WHERE target.epic_id = ANY (stories_hold.epics)
), stories_held AS MATERIALIZED (
    SELECT target.item_id, story.id, story.code,
           story.id IN (SELECT id FROM stories_stay) AS kept
    FROM stories_before target, LATERAL (
        SELECT id, code FROM epics_story WHERE epic_id = target.epic_id OFFSET 0
    ) AS story
), stories_gone AS (
    DELETE FROM epics_story
    WHERE id = ANY(ARRAY(SELECT id FROM stories_held WHERE NOT kept))
    RETURNING epics_story.*
), stories_left AS MATERIALIZED (
    SELECT runs_targets_gone(array_agg(id ORDER BY id)) FROM stories_gone HAVING COUNT(*) > 0
), stories_kept AS (
    SELECT target.*, (
        SELECT COUNT(*) FROM stories_held held WHERE held.item_id = target.item_id AND held.kept
    ) AS kept
    FROM stories_target target
), stories_free AS MATERIALIZED (
    -- Numbers that no story has that stays.
    SELECT target.item_id, number,
           ROW_NUMBER() OVER (PARTITION BY target.item_id ORDER BY number) AS place
    FROM stories_kept target,
         generate_series(1, jsonb_array_length(target.stories) + target.kept) AS number
    WHERE NOT EXISTS (
        SELECT FROM stories_held held
        WHERE held.item_id = target.item_id AND held.kept
          AND held.code = target.code || '-S' || number
    )
), stories_numbered AS (
    SELECT target.epic_id, target.project_id, target.run_id, target.code AS epic_code, given.*,
           CASE
               WHEN target.kept = 0 THEN given."order"
               ELSE (
                   SELECT number FROM stories_free free
                   WHERE free.item_id = target.item_id AND free.place = given."order"
               )
           END AS number
    FROM (SELECT COUNT(*) FROM stories_left) AS first, stories_kept target,
         jsonb_to_recordset(target.stories) AS given (
             id uuid, "order" int, title text, user_story text, persona text,
             acceptance_criteria text[], technical_notes text, priority text, effort text,
             quality_score int, defects jsonb
         )
), stories_new AS (
    INSERT INTO epics_story (
        id, epic_id, project_id, run_id, code, "order", title, user_story, persona,
        acceptance_criteria, technical_notes, priority, effort, quality_score, defects,
        created_at, version
    )
    SELECT id, epic_id, project_id, run_id, epic_code || '-S' || number, number, title, user_story,
           persona, acceptance_criteria, technical_notes, priority, effort, quality_score, defects,
           clock_timestamp(), 1
    FROM stories_numbered
    RETURNING epic_id
), stories_replaced AS (
    -- Where there were stories before: the first ones are nobody's change.
    INSERT INTO epics_contentchange (project_id, kind, parent_id, code, change, fields, run_id)
    SELECT target.project_id, 'story', target.epic_id, changed.code, changed.change,
           changed.fields, target.run_id
    FROM stories_before JOIN stories_target target USING (item_id), LATERAL (
        SELECT jsonb_object_agg(gone.code, to_jsonb(gone)) AS rows
        FROM stories_gone gone WHERE gone.epic_id = target.epic_id
    ) before, LATERAL (
        SELECT jsonb_object_agg(new.epic_code || '-S' || new.number, to_jsonb(new)) AS rows
        FROM stories_numbered new WHERE new.epic_id = target.epic_id
    ) after, LATERAL epics_changes(
        before.rows, after.rows,
        '{title,user_story,persona,acceptance_criteria,technical_notes,priority,effort}'
    ) changed
), stories_subtasks AS (
    INSERT INTO epics_contentchange (project_id, kind, parent_id, code, change, fields, run_id)
    SELECT gone.project_id, 'subtask', gone.id, changed.code, changed.change, changed.fields,
           target.run_id
    FROM stories_gone gone JOIN stories_target target ON target.epic_id = gone.epic_id, LATERAL (
        SELECT jsonb_object_agg(subtask.code, to_jsonb(subtask)) AS rows
        FROM epics_subtask subtask WHERE subtask.story_id = gone.id
    ) before, LATERAL epics_changes(
        before.rows, NULL, '{title,description,kind,effort_hours,order,criteria}'
    ) changed
), stories_fresh AS (
    UPDATE epics_epic SET stories_outdated = target.outdated
    FROM stories_target target
    WHERE epics_epic.id = target.epic_id
      AND epics_epic.id = ANY(ARRAY(SELECT epic_id FROM stories_target))
      AND epics_epic.stories_outdated <> target.outdated
), stories_stored AS (
    SELECT target.item_id, target.kept, (
        SELECT COUNT(*) FROM stories_new story WHERE story.epic_id = target.epic_id
    ) AS created
    FROM stories_kept target
)
