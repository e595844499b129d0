-- An upload's cards are replaced, but those that the run keeps; new ones take the codes that are
-- free in the project.
cards_project AS MATERIALIZED (
    -- Held, as by whoever makes a card or an epic: what this waited for is seen by the functions
    -- below.
    SELECT project.id
    FROM (
        SELECT DISTINCT upload.project_id
        FROM done, LATERAL (
            SELECT project_id FROM epics_upload WHERE id = done.target_id OFFSET 0
        ) AS upload
        ORDER BY project_id
    ) AS whose, LATERAL (
        SELECT id FROM epics_project WHERE id = whose.project_id
        FOR NO KEY UPDATE
    ) AS project
), cards_target AS MATERIALIZED (
    SELECT done.item_id, done.run_id, done.options, done.result -> 'cards' AS cards,
           upload.id AS upload_id, upload.project_id
    FROM (
        SELECT done.*, (SELECT COUNT(*) FROM cards_project) AS after_projects
        FROM done ORDER BY target_id
    ) AS done, LATERAL (
        SELECT id, project_id FROM epics_upload
        WHERE id = done.target_id AND done.after_projects > 0
        FOR NO KEY UPDATE
    ) AS upload
), cards_before AS MATERIALIZED (
    SELECT target.item_id, target.upload_id, target.options, card.id
    FROM (
        SELECT target.item_id, target.upload_id, target.options, made.id
        FROM cards_target target, LATERAL (
            SELECT id FROM epics_card WHERE upload_id = target.upload_id OFFSET 0
        ) AS made
        ORDER BY made.id
    ) AS target, LATERAL (SELECT id FROM epics_card WHERE id = target.id FOR UPDATE) AS card
), cards_epics AS MATERIALIZED (
    SELECT id
    FROM epics_epic
    WHERE id = ANY(ARRAY(
        SELECT place.epic_id
        FROM epics_epiccard place
        WHERE place.card_id = ANY(ARRAY(SELECT id FROM cards_before))
    ))
    ORDER BY id
    FOR NO KEY UPDATE
), cards_of AS MATERIALIZED (
    SELECT upload_id, options, (SELECT COUNT(*) FROM cards_epics) AS epics
    FROM cards_before GROUP BY upload_id, options
), cards_stay AS MATERIALIZED (
    SELECT epics_kept_cards(ARRAY[upload_id], options) AS id FROM cards_of WHERE epics >= 0
), cards_held AS MATERIALIZED (
    SELECT before.*, before.id IN (SELECT id FROM cards_stay) AS kept FROM cards_before before
), cards_unplaced AS (
    DELETE FROM epics_epiccard
    WHERE card_id = ANY(ARRAY(SELECT id FROM cards_held WHERE NOT kept))
    RETURNING epic_id
), cards_outdated AS (
    -- Their stories were written from cards that are gone.
    UPDATE epics_epic
    SET prompt_revision = prompt_revision + 1,
        stories_outdated = stories_outdated
            OR EXISTS (SELECT FROM epics_story story WHERE story.epic_id = epics_epic.id)
    WHERE id = ANY(ARRAY(SELECT epic_id FROM cards_unplaced))
), cards_gone AS (
    DELETE FROM epics_card
    WHERE id = ANY(ARRAY(SELECT id FROM cards_held WHERE NOT kept))
    RETURNING epics_card.*
), cards_wanted AS MATERIALIZED (
    SELECT target.project_id, SUM(jsonb_array_length(target.cards)) AS cards,
           (SELECT COUNT(*) FROM cards_gone) AS gone
    FROM cards_target target GROUP BY target.project_id
), cards_free AS MATERIALIZED (
    -- Once those are gone whose codes are free then.
    SELECT wanted.project_id, free.place, free.code, free."order"
    FROM cards_wanted wanted, LATERAL epics_free_codes(
        'epics_card', wanted.project_id, 'C', CASE WHEN wanted.gone >= 0 THEN wanted.cards END
    ) free
), cards_numbered AS MATERIALIZED (
    SELECT target.project_id, target.upload_id, target.run_id, given.*,
           ROW_NUMBER() OVER (
               PARTITION BY target.project_id ORDER BY target.item_id, given.place
           ) AS number
    FROM cards_target target, jsonb_to_recordset(target.cards) AS given (
        id uuid, place int, title text, persona text, statement text, problem text,
        systems text[], themes text[], quote text, review_note text
    )
), cards_new AS (
    INSERT INTO epics_card (
        id, project_id, upload_id, run_id, code, "order", title, persona, statement, problem,
        systems, themes, quote, review_note, version
    )
    SELECT given.id, given.project_id, given.upload_id, given.run_id, free.code, free."order",
           given.title, given.persona, given.statement, given.problem, given.systems, given.themes,
           given.quote, given.review_note, 1
    FROM cards_numbered given
    JOIN cards_free free ON free.project_id = given.project_id AND free.place = given.number
    RETURNING epics_card.*
), cards_replaced AS (
    -- Where there were cards before: the first ones are nobody's change.
    INSERT INTO epics_contentchange (project_id, kind, parent_id, code, change, fields, run_id)
    SELECT target.project_id, 'card', target.project_id, changed.code, changed.change,
           changed.fields, target.run_id
    FROM cards_target target, LATERAL (
        SELECT jsonb_object_agg(gone.code, to_jsonb(gone)) AS rows
        FROM cards_gone gone WHERE gone.upload_id = target.upload_id
    ) before, LATERAL (
        SELECT jsonb_object_agg(new.code, to_jsonb(new)) AS rows
        FROM cards_new new WHERE new.upload_id = target.upload_id
    ) after, LATERAL epics_changes(
        before.rows, after.rows, '{title,persona,statement,problem,systems,themes,quote,upload_id}'
    ) changed
    WHERE before.rows IS NOT NULL
), cards_analyzed AS (
    UPDATE epics_upload SET status = 'ANALYZED'
    WHERE id = ANY(ARRAY(SELECT upload_id FROM cards_target)) AND status <> 'ANALYZED'
), cards_stored AS (
    SELECT target.item_id, (
        SELECT COUNT(*) FROM cards_new new WHERE new.upload_id = target.upload_id
    ) AS created, (
        SELECT COUNT(*) FROM cards_held held WHERE held.item_id = target.item_id AND held.kept
    ) AS kept
    FROM cards_target target
)
