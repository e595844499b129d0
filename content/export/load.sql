export_loaded AS (
    SELECT claimed.item_id, '{}'::jsonb AS input
    FROM claimed, LATERAL (
        SELECT FROM epics_project WHERE id = claimed.target_id OFFSET 0
    ) AS project
)
