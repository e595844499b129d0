-- A page's content is replaced, unless it was edited or approved and the run keeps that; then
-- nothing of it changes, and it counts as kept.
pages_target AS (
    -- Locked: an edit or an approval that is under way counts, and whoever comes later meets a new
    -- version.
    SELECT done.item_id, done.run_id, done.result, page.id AS page_id, page.project_id, page.code,
           NOT done.result ? 'components'
               OR epics_kept(page.edited_at, page.review_status, done.options) AS kept,
           -- What changed since the claim is not in this content.
           COALESCE(page.prompt_revision <> (done.result ->> 'prompt_revision')::int, false)
               AS outdated,
           page.generated_at IS NOT NULL OR page.edited_at IS NOT NULL AS had_content,
           page.meta_title, page.meta_description, page.content_components
    FROM (SELECT * FROM done ORDER BY target_id) AS done, LATERAL (
        SELECT * FROM pages_page WHERE id = done.target_id
        FOR NO KEY UPDATE
    ) AS page
), pages_written AS (
    UPDATE pages_page SET
        meta_title = target.result ->> 'meta_title',
        meta_description = target.result ->> 'meta_description',
        content_components = target.result -> 'components',
        keyword_coverage = (target.result ->> 'keyword_coverage')::float,
        quality_score = (target.result ->> 'quality_score')::smallint,
        defects = target.result -> 'defects',
        signature = target.result ->> 'signature',
        content_status = CASE WHEN target.outdated THEN 'outdated' ELSE 'current' END,
        run_id = target.run_id,
        generated_at = clock_timestamp(),
        edited_at = NULL,
        review_status = 'draft',
        review_note = '',
        version = pages_page.version + 1
    FROM pages_target target
    WHERE pages_page.id = target.page_id AND NOT target.kept
      AND pages_page.id = ANY(ARRAY(SELECT page_id FROM pages_target))
    RETURNING target.item_id
), pages_replaced AS (
    -- Where there was content before: the first is nobody's change.
    INSERT INTO epics_contentchange (project_id, kind, parent_id, code, change, fields, run_id)
    SELECT target.project_id, 'page', target.project_id, changed.code, changed.change,
           changed.fields, target.run_id
    FROM pages_target target, LATERAL epics_changes(
        jsonb_build_object(target.code, jsonb_build_object(
            'meta_title', target.meta_title, 'meta_description', target.meta_description,
            'content_components', target.content_components
        )),
        jsonb_build_object(target.code, jsonb_build_object(
            'meta_title', target.result -> 'meta_title',
            'meta_description', target.result -> 'meta_description',
            'content_components', target.result -> 'components'
        )),
        '{meta_title,meta_description,content_components}'
    ) changed
    WHERE target.had_content AND NOT target.kept
), pages_stored AS (
    SELECT target.item_id, (NOT target.kept)::int AS created, target.kept::int AS kept
    FROM pages_target target
)
