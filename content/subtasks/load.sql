subtasks_loaded AS (
    SELECT claimed.item_id, jsonb_build_object(
        'project', jsonb_build_object(
            'name', project.name, 'description', project.description,
            'context', project.context
        ),
        'language', project.language,
        'epic', jsonb_build_object(
            'code', epic.code, 'title', epic.title, 'theme', epic.theme,
            'description', epic.description, 'business_value', epic.business_value
        ),
        'story', jsonb_build_object(
            'title', story.title, 'user_story', story.user_story, 'persona', story.persona,
            'acceptance_criteria', story.acceptance_criteria,
            'technical_notes', story.technical_notes, 'effort', story.effort
        ),
        'approved', story.review_status = 'approved',
        -- Subtasks that stay, so that nobody writes them again.
        'kept', (
            SELECT COALESCE(jsonb_agg(
                jsonb_build_array(subtask.title, subtask.kind, subtask.criteria)
                ORDER BY subtask."order", subtask.id
            ), '[]')
            FROM (SELECT * FROM epics_subtask WHERE story_id = story.id OFFSET 0) AS subtask
            WHERE epics_kept(subtask.edited_at, subtask.review_status, claimed.options)
        )
    ) AS input
    FROM claimed,
         LATERAL (SELECT * FROM epics_story WHERE id = claimed.target_id OFFSET 0) AS story,
         LATERAL (SELECT * FROM epics_epic WHERE id = story.epic_id OFFSET 0) AS epic,
         LATERAL (SELECT * FROM epics_project WHERE id = epic.project_id OFFSET 0) AS project
)
