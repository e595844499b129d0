-- Cards and epics are read by a job: there may be ten thousand of them.
epics_loaded AS (
    SELECT claimed.item_id, jsonb_build_object(
        'project', jsonb_build_object(
            'name', project.name, 'description', project.description,
            'context', project.context
        ),
        'language', project.language
    ) AS input
    FROM claimed,
         LATERAL (SELECT * FROM epics_project WHERE id = claimed.target_id OFFSET 0) AS project
)
