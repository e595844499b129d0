-- upload_read --
-- The text of an upload; no row where it is gone.
SELECT text FROM epics_upload WHERE id = %(upload_id)s
