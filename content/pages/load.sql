pages_loaded AS (
    SELECT claimed.item_id, jsonb_build_object(
        'project', jsonb_build_object(
            'name', project.name, 'description', project.description, 'context', project.context
        ),
        'project_voice', project.brand_voice,
        'project_language', project.language,
        'page', jsonb_build_object(
            'page_type', page.page_type, 'url', page.url, 'title', page.title,
            'keywords', page.keywords, 'components', page.components, 'facts', page.facts
        ),
        'voice', page.brand_voice,
        'language', page.language,
        'prompt_revision', page.prompt_revision,
        'kept', epics_kept(page.edited_at, page.review_status, claimed.options),
        -- The latest of its type alone: content.pages.likeness says how little of each there is.
        'neighbours', (
            SELECT COALESCE(jsonb_agg(jsonb_build_array(latest.code, latest.signature)), '[]')
            FROM (
                SELECT other.code, other.signature
                FROM pages_page other
                WHERE other.project_id = page.project_id AND other.page_type = page.page_type
                  AND other.generated_at IS NOT NULL AND other.id <> page.id
                ORDER BY other.generated_at DESC
                LIMIT 40
            ) latest
        )
    ) AS input
    FROM claimed,
         LATERAL (SELECT * FROM pages_page WHERE id = claimed.target_id OFFSET 0) AS page,
         LATERAL (SELECT * FROM epics_project WHERE id = page.project_id OFFSET 0) AS project
)
