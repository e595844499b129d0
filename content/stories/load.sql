stories_loaded AS (
    SELECT claimed.item_id, jsonb_build_object(
        'project', jsonb_build_object(
            'name', project.name, 'description', project.description,
            'context', project.context
        ),
        'language', project.language,
        'epic', jsonb_build_object(
            'title', epic.title, 'theme', epic.theme, 'description', epic.description,
            'business_value', epic.business_value,
            'acceptance_criteria', epic.acceptance_criteria,
            'dependencies', epic.dependencies, 'effort', epic.effort, 'impact', epic.impact,
            'priority', epic.priority
        ),
        'prompt_revision', epic.prompt_revision,
        -- Stories that stay, so that nobody writes them again.
        'kept', CASE WHEN EXISTS (SELECT FROM epics_story WHERE epic_id = epic.id) THEN (
            SELECT COALESCE(jsonb_agg(
                jsonb_build_array(story.title, story.user_story) ORDER BY story."order"
            ), '[]')
            FROM epics_story story
            WHERE story.id = ANY(ARRAY(
                SELECT epics_kept_stories(ARRAY[epic.id], claimed.options)
                UNION
                -- Another run is at them.
                SELECT runs_open_elsewhere(
                    ARRAY(SELECT id FROM epics_story WHERE epic_id = epic.id), claimed.run_id
                )
            ))
        ) ELSE '[]' END,
        'cards', (
            SELECT COALESCE(jsonb_agg(
                jsonb_build_array(
                    card.code, card.title, card.persona, card.statement, card.problem, card.systems
                ) ORDER BY place."order", card."order"
            ), '[]')
            FROM epics_epiccard place,
                 LATERAL (SELECT * FROM epics_card WHERE id = place.card_id OFFSET 0) AS card
            WHERE place.epic_id = epic.id
        )
    ) AS input
    FROM claimed,
         LATERAL (SELECT * FROM epics_epic WHERE id = claimed.target_id OFFSET 0) AS epic,
         LATERAL (SELECT * FROM epics_project WHERE id = epic.project_id OFFSET 0) AS project
)
