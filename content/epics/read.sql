-- cards_read --
-- All cards of a project, in their order.
SELECT id::text, code, title, persona, statement, problem, systems, themes
FROM epics_card
WHERE project_id = %(project_id)s
ORDER BY "order", id

-- kept_read --
-- The epics of a project that a run with these options leaves, with the codes of their cards.
WITH epic AS MATERIALIZED (
    SELECT * FROM epics_epic WHERE project_id = %(project_id)s
), story AS MATERIALIZED (
    SELECT id, epic_id FROM epics_story WHERE project_id = %(project_id)s
), open AS MATERIALIZED (
    SELECT runs_open_elsewhere(
        ARRAY(SELECT id FROM epic UNION ALL SELECT id FROM story), %(run_id)s
    ) AS id
), busy AS MATERIALIZED (
    SELECT id FROM epic WHERE id IN (SELECT id FROM open)
    UNION SELECT epic_id FROM story WHERE id IN (SELECT id FROM open)
), kept AS MATERIALIZED (
    SELECT epics_kept_epics(array_agg(id), %(options)s) AS id FROM epic
    UNION SELECT id FROM busy
)
SELECT epic.id::text, epic.code, epic.title, epic.theme, epic.description,
       CASE
           WHEN epic.origin = 'manual' THEN 'made by a person'
           WHEN epic.origin = 'import' THEN 'imported'
           WHEN epic.review_status = 'approved' THEN 'approved'
           WHEN epic.edited_at IS NOT NULL THEN 'edited'
           WHEN epic.id IN (SELECT id FROM busy) THEN 'open in a run'
           ELSE 'with stories that stay'
       END AS why,
       (
           SELECT COALESCE(array_agg(card.code ORDER BY place."order", place.id), '{}')
           FROM epics_epiccard place JOIN epics_card card ON card.id = place.card_id
           WHERE place.epic_id = epic.id
       ) AS cards
FROM kept JOIN epic USING (id)
ORDER BY epic."order", epic.id
