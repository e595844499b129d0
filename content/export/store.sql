export_new AS (
    INSERT INTO export_exportfile (
        id, run_id, item_id, project_id, name, media_type, bytes, sha256, stored_as, created_at,
        expires_at
    )
    SELECT (done.result ->> 'id')::uuid, done.run_id, done.item_id, project.id,
           done.result ->> 'file_name', done.result ->> 'media_type',
           (done.result ->> 'bytes')::bigint, done.result ->> 'sha256', done.result ->> 'name',
           clock_timestamp(),
           clock_timestamp() + (done.result ->> 'keep_s')::int * interval '1 second'
    FROM done, LATERAL (
        SELECT id FROM epics_project WHERE id = done.target_id OFFSET 0
    ) AS project
    RETURNING item_id
), export_stored AS (
    SELECT item_id, 1 AS created, 0 AS kept FROM export_new
)
