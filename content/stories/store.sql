-- An epic's stories are replaced, but those that a person edited where the run keeps them; new
-- ones take the codes that are free.
stories_target AS (
    SELECT done.item_id, done.run_id, done.code, done.result -> 'stories' AS stories,
           (done.options ->> 'keep_edited')::boolean AS keep_edited,
           epic.id AS epic_id, epic.project_id,
           -- What changed since the claim is not in these stories.
           COALESCE(epic.prompt_revision <> (done.result ->> 'prompt_revision')::int, false)
               AS outdated
    FROM done JOIN epics_epic epic ON epic.id = done.target_id
    ORDER BY epic.id
    FOR NO KEY UPDATE OF epic
), stories_held AS (
    -- Locked: an edit that is under way counts, and one that comes later finds no story any more.
    SELECT target.item_id, story.id, story.code,
           target.keep_edited AND story.edited_at IS NOT NULL AS kept
    FROM stories_target target JOIN epics_story story ON story.epic_id = target.epic_id
    ORDER BY story.id
    FOR UPDATE OF story
), stories_gone AS (
    DELETE FROM epics_story USING stories_held held
    WHERE epics_story.id = held.id AND NOT held.kept
    RETURNING 1
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
    FROM (SELECT COUNT(*) FROM stories_gone) AS first, stories_kept target,
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
), stories_fresh AS (
    UPDATE epics_epic SET stories_outdated = target.outdated
    FROM stories_target target
    WHERE epics_epic.id = target.epic_id AND epics_epic.stories_outdated <> target.outdated
), stories_stored AS (
    SELECT target.item_id, target.kept, (
        SELECT COUNT(*) FROM stories_new story WHERE story.epic_id = target.epic_id
    ) AS created
    FROM stories_kept target
)
