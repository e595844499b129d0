-- The text is read by a job: it may have four million characters.
cards_loaded AS (
    SELECT claimed.item_id, jsonb_build_object(
        'project', jsonb_build_object(
            'name', project.name, 'description', project.description,
            'context', project.context
        ),
        'language', project.language,
        'name', upload.name,
        -- Cards that stay, so that nobody writes them again.
        'kept', CASE WHEN EXISTS (SELECT FROM epics_card WHERE upload_id = upload.id) THEN (
            SELECT COALESCE(jsonb_agg(
                jsonb_build_object(
                    'title', card.title, 'persona', card.persona, 'statement', card.statement
                ) ORDER BY card."order", card.id
            ), '[]')
            FROM epics_card card
            WHERE card.id = ANY(ARRAY(
                SELECT epics_kept_cards(ARRAY[upload.id], claimed.options)
            ))
        ) ELSE '[]' END,
        'others', (
            SELECT COUNT(*) FROM epics_card card
            WHERE card.project_id = project.id AND card.upload_id IS DISTINCT FROM upload.id
        )
    ) AS input
    FROM claimed, LATERAL (
        -- Not its text.
        SELECT id, project_id, name FROM epics_upload WHERE id = claimed.target_id OFFSET 0
    ) AS upload,
         LATERAL (SELECT * FROM epics_project WHERE id = upload.project_id OFFSET 0) AS project
)
