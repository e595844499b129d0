-- A project's epics that runs made are replaced, but those that this run keeps and those that are
-- open in another one; new ones take the codes that are free.
epics_target AS MATERIALIZED (
    -- Held, as by whoever makes or changes an epic, or starts a run: who waits for it sees the new
    -- epics, and what this waited for is seen by the functions below.
    SELECT done.item_id, done.run_id, done.result -> 'epics' AS epics, done.options,
           project.id AS project_id
    FROM (SELECT * FROM done ORDER BY target_id) AS done, LATERAL (
        SELECT id FROM epics_project WHERE id = done.target_id
        FOR NO KEY UPDATE
    ) AS project
), epics_before AS MATERIALIZED (
    -- Those that a run made; no other is ever replaced.
    SELECT target.item_id, target.run_id, target.options, epic.id
    FROM (
        SELECT target.item_id, target.run_id, target.options, there.id
        FROM epics_target target, LATERAL (
            SELECT id FROM epics_epic WHERE project_id = target.project_id OFFSET 0
        ) AS there
        ORDER BY there.id
    ) AS target, LATERAL (
        SELECT id FROM epics_epic WHERE id = target.id AND origin = 'generated'
        FOR UPDATE
    ) AS epic
), epics_of AS MATERIALIZED (
    SELECT item_id, run_id, options, array_agg(id ORDER BY id) AS ids
    FROM epics_before GROUP BY item_id, run_id, options
), epics_below AS MATERIALIZED (
    SELECT story.id, story.epic_id, before.item_id
    FROM epics_before before, LATERAL (
        SELECT id, epic_id FROM epics_story WHERE epic_id = before.id OFFSET 0
    ) AS story
), epics_busy AS MATERIALIZED (
    -- Targets of other runs: of their stories, and of those stories' subtasks.
    SELECT runs_open_elsewhere(
        ids || ARRAY(SELECT id FROM epics_below below WHERE below.item_id = held.item_id), run_id
    ) AS id
    FROM epics_of held
), epics_stay AS MATERIALIZED (
    SELECT epics_kept_epics(epics_hold(ids), options) AS id FROM epics_of
    UNION SELECT id FROM epics_busy
    UNION SELECT epic_id FROM epics_below WHERE id IN (SELECT id FROM epics_busy)
), epics_gone AS (
    -- What stands below them goes with them.
    DELETE FROM epics_epic
    WHERE id = ANY(ARRAY(
        SELECT id FROM epics_before WHERE id NOT IN (SELECT id FROM epics_stay)
    ))
    RETURNING epics_epic.*
), epics_left AS MATERIALIZED (
    -- Nothing names them any more: no other epic, no item of an earlier run.
    SELECT gone.project_id, epics_independent(gone.project_id, array_agg(gone.code)),
           runs_targets_gone(array_agg(gone.id) || ARRAY(
               SELECT below.id FROM epics_below below
               WHERE below.epic_id IN (SELECT id FROM epics_gone)
           ))
    FROM epics_gone gone GROUP BY gone.project_id
), epics_standing AS MATERIALIZED (
    SELECT target.item_id, epic.id, epic.code, epic."order"
    FROM epics_target target, LATERAL (
        SELECT id, code, "order", origin FROM epics_epic WHERE project_id = target.project_id OFFSET 0
    ) AS epic
    WHERE epic.origin <> 'generated' OR epic.id IN (SELECT id FROM epics_stay)
), epics_kept AS MATERIALIZED (
    SELECT target.*,
           (SELECT COUNT(*) FROM epics_left) AS after_left,
           (
               SELECT COUNT(*) FROM epics_standing standing
               WHERE standing.item_id = target.item_id
           ) AS kept,
           (
               SELECT COALESCE(MAX(standing."order"), 0) FROM epics_standing standing
               WHERE standing.item_id = target.item_id
           ) AS last
    FROM epics_target target
), epics_free AS MATERIALIZED (
    -- Codes that no epic has that stays.
    SELECT target.item_id, 'E' || number AS code,
           ROW_NUMBER() OVER (PARTITION BY target.item_id ORDER BY number) AS place
    FROM epics_kept target,
         generate_series(1, jsonb_array_length(target.epics) + target.kept) AS number
    WHERE NOT EXISTS (
        SELECT FROM epics_standing standing
        WHERE standing.item_id = target.item_id AND upper(standing.code) = 'E' || number
    )
), epics_given AS MATERIALIZED (
    SELECT target.item_id, target.project_id, target.run_id, target.last, free.code, given.*
    FROM epics_kept target
    CROSS JOIN LATERAL jsonb_to_recordset(target.epics) AS given (
        id uuid, priority int, title text, theme text, description text, business_value text,
        acceptance_criteria text[], effort text, impact text, after int[], after_kept uuid[],
        cards uuid[]
    )
    JOIN epics_free free ON free.item_id = target.item_id AND free.place = given.priority
), epics_named AS MATERIALIZED (
    -- Held: whoever gives one of them another code was waited for, or finds who names it.
    SELECT epic.id, epic.code, epic."order"
    FROM epics_epic epic
    WHERE epic.id = ANY(ARRAY(SELECT unnest(after_kept) FROM epics_given))
      AND epic.id NOT IN (SELECT id FROM epics_gone)
    ORDER BY epic.id
    FOR SHARE OF epic
), epics_new AS (
    INSERT INTO epics_epic (
        id, project_id, run_id, origin, code, "order", title, theme, description, business_value,
        acceptance_criteria, dependencies, effort, impact, priority, stories_outdated,
        prompt_revision, version
    )
    SELECT given.id, given.project_id, given.run_id, 'generated', given.code,
           given.last + given.priority, given.title, given.theme, given.description,
           given.business_value, given.acceptance_criteria,
           ARRAY(
               SELECT before.code FROM epics_given before
               WHERE before.item_id = given.item_id AND before.priority = ANY (given.after)
               ORDER BY before.priority
           ) || ARRAY(
               SELECT named.code FROM epics_named named
               WHERE named.id = ANY (given.after_kept) ORDER BY named."order", named.id
           ),
           given.effort, given.impact, given.priority, false, 0, 1
    FROM epics_given given
    RETURNING epics_epic.*
), epics_cards AS MATERIALIZED (
    -- Held: a card that somebody deletes meanwhile is in no epic, or is waited for.
    SELECT listed.epic_id, card.id AS card_id, listed.place
    FROM (
        SELECT given.id AS epic_id, listed.id, listed.place
        FROM epics_given given
        CROSS JOIN LATERAL unnest(given.cards) WITH ORDINALITY AS listed (id, place)
        ORDER BY listed.id
    ) AS listed, LATERAL (
        SELECT id FROM epics_card WHERE id = listed.id
        FOR KEY SHARE
    ) AS card
), epics_places AS (
    INSERT INTO epics_epiccard (epic_id, card_id, "order")
    SELECT epic_id, card_id, place - 1 FROM epics_cards ORDER BY epic_id, place
), epics_replaced AS (
    -- Where there were epics of a run before: the first ones are nobody's change.
    INSERT INTO epics_contentchange (project_id, kind, parent_id, code, change, fields, run_id)
    SELECT target.project_id, 'epic', target.project_id, changed.code, changed.change,
           changed.fields, target.run_id
    FROM epics_target target, LATERAL (
        SELECT jsonb_object_agg(gone.code, to_jsonb(gone)) AS rows
        FROM epics_gone gone WHERE gone.project_id = target.project_id
    ) before, LATERAL (
        SELECT jsonb_object_agg(new.code, to_jsonb(new)) AS rows
        FROM epics_new new WHERE new.project_id = target.project_id
    ) after, LATERAL epics_changes(
        before.rows, after.rows,
        '{title,theme,description,business_value,acceptance_criteria,dependencies,effort,impact,priority}'
    ) changed
    WHERE before.rows IS NOT NULL
), epics_stories AS (
    INSERT INTO epics_contentchange (project_id, kind, parent_id, code, change, fields, run_id)
    SELECT gone.project_id, 'story', gone.id, changed.code, changed.change, changed.fields,
           target.run_id
    FROM epics_gone gone JOIN epics_target target USING (project_id), LATERAL (
        SELECT jsonb_object_agg(story.code, to_jsonb(story)) AS rows
        FROM epics_story story WHERE story.epic_id = gone.id
    ) before, LATERAL epics_changes(
        before.rows, NULL,
        '{title,user_story,persona,acceptance_criteria,technical_notes,priority,effort}'
    ) changed
), epics_subtasks AS (
    INSERT INTO epics_contentchange (project_id, kind, parent_id, code, change, fields, run_id)
    SELECT story.project_id, 'subtask', story.id, changed.code, changed.change, changed.fields,
           target.run_id
    FROM epics_gone gone JOIN epics_target target USING (project_id)
    CROSS JOIN LATERAL (
        SELECT id, project_id FROM epics_story WHERE epic_id = gone.id OFFSET 0
    ) AS story, LATERAL (
        SELECT jsonb_object_agg(subtask.code, to_jsonb(subtask)) AS rows
        FROM epics_subtask subtask WHERE subtask.story_id = story.id
    ) before, LATERAL epics_changes(
        before.rows, NULL, '{title,description,kind,effort_hours,order,criteria}'
    ) changed
), epics_stored AS (
    SELECT target.item_id, target.kept, (
        SELECT COUNT(*) FROM epics_new new WHERE new.project_id = target.project_id
    ) AS created
    FROM epics_kept target
)
