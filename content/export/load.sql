export_loaded AS (
    SELECT claimed.item_id, '{}'::jsonb AS input
    FROM claimed JOIN epics_project project ON project.id = claimed.target_id
)
