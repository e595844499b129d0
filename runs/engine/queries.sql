-- run_items_create --
-- A run's epics in their order, open from here on. Of what is not given here each row has the
-- model's default; Django would write twenty columns of those for each of thousands of rows.
WITH made AS (
    INSERT INTO runs_runitem (
        id, run_id, kind, target_id, code, title, "order", status, stage,
        estimated_input_tokens, attempt, cancel_requested, crashes, created, kept,
        input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd, error_code,
        error, stage_ms, notes
    )
    SELECT given.id, %(run_id)s, %(kind)s, target_id, code, title, place, 'PENDING', '', tokens,
           0, false, 0, 0, 0, 0, 0, 0, 0, 0, '', '', '{}', '[]'
    FROM unnest(%(ids)s::uuid[], %(target_ids)s::uuid[], %(codes)s::text[], %(titles)s::text[],
                %(estimated_input_tokens)s::int[])
         WITH ORDINALITY AS given (id, target_id, code, title, tokens, place)
    RETURNING kind, target_id
)
-- In the order of all: of two starts over the same epics one waits for the other.
INSERT INTO runs_opentarget (kind, target_id, run_id)
SELECT kind, target_id, %(run_id)s FROM made ORDER BY target_id

-- lane_claim --
-- Claim a lane's epic for one attempt: the lane goes sent -> running, the epic
-- PENDING -> GENERATING, the call's intent is written. Returns all that the attempt needs;
-- nothing when the message is late or doubled, or the run stands still or has fewer lanes by now.
-- FOR SHARE makes a pause or a cancel wait for claims under way, so that its count of calls in
-- flight is exact.
WITH run AS (
    SELECT id, project_id, status, mode, persona_set, priority, model, max_tokens, keep_edited,
           skip_quality_check, delay_ms, max_retries, retry_wait_ms, max_concurrency
    FROM runs_run
    WHERE id = (SELECT run_id FROM runs_lane WHERE id = %(lane_id)s)
    FOR SHARE
), lane AS (
    UPDATE runs_lane
    SET state = 'running', worker_id = %(worker_id)s, moved_at = clock_timestamp()
    FROM run
    WHERE runs_lane.id = %(lane_id)s
      AND runs_lane.fencing_token = %(fencing_token)s
      AND runs_lane.state = 'sent'
      AND runs_lane.index < run.max_concurrency
      AND run.status IN ('QUEUED', 'RUNNING')
      AND EXISTS (
          SELECT FROM runs_runitem
          WHERE id = %(item_id)s AND lane_id = %(lane_id)s AND status = 'PENDING'
      )
    RETURNING runs_lane.id, runs_lane.rate_limit_streak
), claimed AS (
    UPDATE runs_runitem
    SET status = 'GENERATING', attempt = attempt + 1,
        stage = %(stage)s, stage_percent = 0, remaining_ms = NULL,
        stage_ms = '{}', skipped_stages = '[]', notes = '[]',
        started_at = COALESCE(started_at, clock_timestamp())
    FROM lane
    WHERE runs_runitem.id = %(item_id)s AND runs_runitem.status = 'PENDING'
    RETURNING runs_runitem.id, runs_runitem.target_id, runs_runitem.code,
              runs_runitem.attempt, runs_runitem.output_tokens,
              runs_runitem.unknown_calls
), call AS (
    INSERT INTO runs_providercall (
        id, item_id, attempt, purpose, model, outcome, started_at, request_id, input_tokens,
        output_tokens, cache_read_tokens, cache_write_tokens, cost_usd, error_code, possibly_billed
    )
    SELECT %(call_id)s, claimed.id, claimed.attempt, 'generate', run.model, 'STARTED',
           clock_timestamp(), '', 0, 0, 0, 0, 0, '', false
    FROM claimed, run
), line AS (
    INSERT INTO runs_runlog (run_id, at, level, item_code, message)
    SELECT run.id, clock_timestamp(), 'info', claimed.code,
           '[' || claimed.code || '] ' || %(started_message)s
               || CASE WHEN claimed.attempt > 1 THEN ', attempt ' || claimed.attempt ELSE '' END
    FROM claimed, run
)
SELECT run.id AS run_id, run.status AS run_status, run.mode, run.persona_set,
       run.priority, run.model, run.max_tokens, run.skip_quality_check, run.delay_ms,
       run.max_retries, run.retry_wait_ms,
       lane.rate_limit_streak, claimed.attempt, claimed.code,
       project.name AS project_name, project.description AS project_description,
       project.context AS project_context, project.language AS project_language,
       epic.title, epic.theme, epic.description, epic.business_value, epic.acceptance_criteria,
       epic.dependencies, epic.effort, epic.impact, epic.priority AS epic_priority,
       epic.prompt_revision,
       -- Stories that stay, so that nobody writes them again.
       (
           SELECT jsonb_agg(jsonb_build_array(story.title, story.user_story) ORDER BY story."order")
           FROM epics_story story
           WHERE story.epic_id = claimed.target_id AND story.edited_at IS NOT NULL
             AND run.keep_edited
       ) AS kept,
       (
           SELECT COALESCE(jsonb_agg(
               jsonb_build_array(
                   card.code, card.title, card.persona, card.statement, card.problem, card.systems
               ) ORDER BY place."order", card."order"
           ), '[]')
           FROM epics_epiccard place JOIN epics_card card ON card.id = place.card_id
           WHERE place.epic_id = claimed.target_id
       ) AS cards,
       -- Answers that were paid for and did not finish the epic.
       CASE WHEN claimed.output_tokens > 0 OR claimed.unknown_calls > 0 THEN (
           -- A call made before requests had keys says its purpose.
           SELECT jsonb_agg(
               jsonb_build_object('key', answered.purpose) || answered.response
               ORDER BY answered.started_at
           )
           FROM runs_providercall answered
           WHERE answered.item_id = claimed.id AND answered.response IS NOT NULL
       ) END AS responses
FROM claimed
CROSS JOIN run
CROSS JOIN lane
JOIN epics_project project ON project.id = run.project_id
LEFT JOIN epics_epic epic ON epic.id = claimed.target_id

-- lane_finish --
-- Finish an epic (COMPLETED, FAILED, SKIPPED or CANCELLED) and move its lane on, all in one: the epic, its
-- stories (replaced when completed, but those that a person edited where the run keeps them; new
-- ones take the codes that are free), the call, the totals, the log, the lane's next epic.
-- Of epics that may be given up at their next crash, one at a time is handed out: an epic that
-- kills its workers takes no other with it to the end.
-- Returns the lane's new state; nothing when the lane belongs to a newer attempt by now.
WITH lane AS (
    SELECT lane.id, lane.index, lane.run_id, run.status, run.max_concurrency, run.priority,
           run.project_id, run.keep_edited, run.context_key, run.model, run.mode,
           run.created_by_id AS user_id,
           COALESCE((SELECT weight FROM runs_share WHERE user_id = run.created_by_id), 1) AS weight,
           run.persona_set, run.max_tokens, run.provider, lane.draining
    FROM runs_lane lane JOIN runs_run run ON run.id = lane.run_id
    WHERE lane.id = %(lane_id)s
      AND lane.fencing_token = %(fencing_token)s
      AND lane.state = 'running'
    FOR UPDATE OF lane
), held AS (
    -- Locked: an edit that is under way counts, and one that comes later finds no story any more.
    SELECT story.id, story.code, lane.keep_edited AND story.edited_at IS NOT NULL AS kept
    FROM lane
    JOIN runs_runitem claimed ON claimed.id = %(item_id)s AND claimed.lane_id = lane.id
    JOIN epics_story story ON story.epic_id = claimed.target_id
    WHERE %(status)s = 'COMPLETED'
    FOR UPDATE OF claimed, story
), done AS (
    UPDATE runs_runitem
    SET status = %(status)s,
        stage = %(stage)s,
        stage_percent = CASE WHEN %(status)s = 'COMPLETED' THEN 100 ELSE stage_percent END,
        kept = (SELECT COUNT(*) FROM held WHERE kept),
        -- An epic that was deleted meanwhile has nowhere to keep stories.
        created = CASE WHEN target_id IS NULL THEN 0 ELSE %(story_count)s END,
        input_tokens = input_tokens + COALESCE(%(input_tokens)s, 0),
        output_tokens = output_tokens + COALESCE(%(output_tokens)s, 0),
        cache_read_tokens = cache_read_tokens + COALESCE(%(cache_read_tokens)s, 0),
        cache_write_tokens = cache_write_tokens + COALESCE(%(cache_write_tokens)s, 0),
        cost_usd = cost_usd + COALESCE(%(cost_usd)s, 0),
        unknown_calls = unknown_calls + %(unknown_calls)s,
        error_code = %(error_code)s, error = %(error)s,
        stage_ms = %(stage_ms)s, skipped_stages = %(skipped_stages)s, notes = %(notes)s,
        completed_at = clock_timestamp()
    FROM lane
    WHERE runs_runitem.id = %(item_id)s
      AND runs_runitem.lane_id = lane.id
      AND runs_runitem.status = 'GENERATING'
    RETURNING runs_runitem.kind, runs_runitem.target_id, runs_runitem.code,
              runs_runitem.created, runs_runitem.kept,
              EXTRACT(EPOCH FROM clock_timestamp() - runs_runitem.started_at) AS seconds
), closed AS (
    -- The run is over but for this epic.
    DELETE FROM runs_opentarget open USING lane, done
    WHERE lane.draining
      AND (open.kind, open.target_id, open.run_id) = (done.kind, done.target_id, lane.run_id)
), gone AS (
    DELETE FROM epics_story USING done, held
    WHERE epics_story.id = held.id AND NOT held.kept
    RETURNING 1
), places AS (
    SELECT number, ROW_NUMBER() OVER (ORDER BY number) AS place
    FROM done, generate_series(1, %(story_count)s + done.kept) AS number
    WHERE NOT EXISTS (
        SELECT FROM held WHERE kept AND held.code = done.code || '-S' || number
    )
), stored AS (
    INSERT INTO epics_story (
        id, epic_id, project_id, run_id, code, "order", title, user_story, persona,
        acceptance_criteria, technical_notes, priority, effort, quality_score, defects,
        created_at, version
    )
    SELECT story.id, done.target_id, lane.project_id, lane.run_id,
           done.code || '-S' || story.number, story.number,
           story.title, story.user_story, story.persona, story.acceptance_criteria,
           story.technical_notes, story.priority, story.effort, story.quality_score,
           story.defects, clock_timestamp(), 1
    FROM lane, done, (SELECT COUNT(*) FROM gone) AS first, LATERAL (
             SELECT given.*, CASE
                 WHEN done.kept = 0 THEN given."order"
                 ELSE (SELECT number FROM places WHERE place = given."order")
             END AS number
             FROM jsonb_to_recordset(%(stories)s) AS given (
                 id uuid, "order" int, title text, user_story text, persona text,
                 acceptance_criteria text[], technical_notes text, priority text, effort text,
                 quality_score int, defects jsonb
             )
         ) story
    WHERE done.target_id IS NOT NULL
), fresh AS (
    -- What changed since the claim is not in these stories.
    UPDATE epics_epic
    SET stories_outdated = COALESCE(prompt_revision <> %(prompt_revision)s::int, false)
    FROM done
    WHERE epics_epic.id = done.target_id AND %(status)s = 'COMPLETED'
      AND stories_outdated <> COALESCE(prompt_revision <> %(prompt_revision)s::int, false)
), call AS (
    UPDATE runs_providercall
    SET outcome = %(outcome)s, ended_at = clock_timestamp(), request_id = %(request_id)s,
        input_tokens = %(input_tokens)s, output_tokens = %(output_tokens)s,
        cache_read_tokens = %(cache_read_tokens)s, cache_write_tokens = %(cache_write_tokens)s,
        cost_usd = %(cost_usd)s, error_code = %(call_error_code)s,
        possibly_billed = %(possibly_billed)s
    FROM done
    WHERE runs_providercall.id = %(call_id)s
), line AS (
    INSERT INTO runs_runlog (run_id, at, level, item_code, message)
    SELECT lane.run_id, clock_timestamp(), %(level)s, done.code,
           %(message)s
               || CASE WHEN done.kept > 0
                      THEN ', ' || done.kept || ' kept as edited' ELSE '' END
               || ' (' || ROUND(done.seconds * 1000) || ' ms)'
    FROM lane, done
), free AS (
    SELECT pending.id, pending.code, pending.title, pending.estimated_input_tokens
    FROM lane, done, LATERAL (
        SELECT id, code, title, estimated_input_tokens
        FROM runs_runitem
        WHERE run_id = lane.run_id AND status = 'PENDING' AND lane_id IS NULL
          AND (
              crashes < %(last_chance)s
              OR NOT EXISTS (
                  SELECT FROM runs_runitem suspect
                  WHERE suspect.run_id = lane.run_id AND suspect.lane_id IS NOT NULL
                    AND suspect.status IN ('PENDING', 'GENERATING')
                    AND suspect.crashes >= %(last_chance)s AND suspect.id <> %(item_id)s
              )
          )
        ORDER BY "order"
        LIMIT 1
        FOR UPDATE SKIP LOCKED
    ) pending
    WHERE lane.status = 'RUNNING' AND lane.index < lane.max_concurrency
), unread AS (
    -- None is free: one whose message waits behind those of others, so that no run waits for its
    -- last messages while it has a lane that may go on.
    UPDATE runs_lane SET state = 'idle', fencing_token = fencing_token + 1, moved_at = clock_timestamp()
    WHERE id = (
        SELECT waiting.id
        FROM lane JOIN runs_lane waiting ON waiting.run_id = lane.run_id
        WHERE NOT EXISTS (SELECT FROM free) AND EXISTS (SELECT FROM done)
          AND lane.status = 'RUNNING' AND lane.index < lane.max_concurrency
          AND waiting.state = 'sent'
          AND waiting.moved_at < clock_timestamp() - make_interval(secs => %(unread_s)s)
        ORDER BY waiting.index
        LIMIT 1
        FOR UPDATE OF waiting SKIP LOCKED
    )
    RETURNING id
), next AS (
    SELECT id, code, title, estimated_input_tokens FROM free
    UNION ALL
    SELECT item.id, item.code, item.title, item.estimated_input_tokens
    FROM unread JOIN runs_runitem item ON item.lane_id = unread.id AND item.status = 'PENDING'
), taken AS (
    UPDATE runs_runitem SET lane_id = lane.id FROM next, lane WHERE runs_runitem.id = next.id
)
UPDATE runs_lane
SET state = CASE
        WHEN next.id IS NULL THEN 'idle' WHEN %(park_s)s > 0 THEN 'parked' ELSE 'sent'
    END,
    wake_at = CASE
        WHEN next.id IS NOT NULL AND %(park_s)s > 0
        THEN clock_timestamp() + make_interval(secs => %(park_s)s)
    END,
    wait_reason = CASE WHEN next.id IS NOT NULL AND %(park_s)s > 0 THEN 'pacing' ELSE '' END,
    fencing_token = runs_lane.fencing_token + 1,
    worker_id = NULL,
    moved_at = clock_timestamp(),
    rate_limit_streak = 0,
    completed = runs_lane.completed + (%(status)s = 'COMPLETED')::int,
    failed = runs_lane.failed + (%(status)s = 'FAILED')::int,
    skipped = runs_lane.skipped + (%(status)s = 'SKIPPED')::int,
    cancelled = runs_lane.cancelled + (%(status)s = 'CANCELLED')::int,
    created = runs_lane.created + done.created,
    kept = runs_lane.kept + done.kept,
    input_tokens = runs_lane.input_tokens + COALESCE(%(input_tokens)s, 0),
    output_tokens = runs_lane.output_tokens + COALESCE(%(output_tokens)s, 0),
    cache_read_tokens = runs_lane.cache_read_tokens + COALESCE(%(cache_read_tokens)s, 0),
    cache_write_tokens = runs_lane.cache_write_tokens + COALESCE(%(cache_write_tokens)s, 0),
    cost_usd = runs_lane.cost_usd + COALESCE(%(cost_usd)s, 0),
    unknown_calls = runs_lane.unknown_calls + %(unknown_calls)s
FROM lane CROSS JOIN done LEFT JOIN next ON true
WHERE runs_lane.id = lane.id
RETURNING runs_lane.id AS lane_id, runs_lane.fencing_token, runs_lane.state, runs_lane.run_id,
          lane.user_id, lane.weight, lane.context_key, lane.priority, lane.model, lane.mode,
          lane.persona_set, lane.max_tokens, lane.provider,
          next.id AS item_id, next.code, next.title, next.estimated_input_tokens

-- lane_give_back --
-- Give an epic back: GENERATING -> PENDING, without an outcome. Its lane keeps it and is parked
-- until it may go on; where the run stands still, the lane lets it go and is idle; where the
-- epic was to be cancelled, it is CANCELLED. The call is booked as failed. Returns nothing when the lane belongs to a newer attempt by now.
WITH lane AS (
    SELECT lane.id, lane.run_id, run.status, lane.draining
    FROM runs_lane lane JOIN runs_run run ON run.id = lane.run_id
    WHERE lane.id = %(lane_id)s
      AND lane.fencing_token = %(fencing_token)s
      AND lane.state = 'running'
    FOR UPDATE OF lane
), back AS (
    UPDATE runs_runitem
    SET status = CASE WHEN cancel_requested THEN 'CANCELLED' ELSE 'PENDING' END,
        completed_at = CASE WHEN cancel_requested THEN clock_timestamp() END,
        stage = '',
        lane_id = CASE WHEN lane.status IN ('QUEUED', 'RUNNING') OR cancel_requested
            THEN lane.id END,
        attempt = attempt - %(refund)s
    FROM lane
    WHERE runs_runitem.id = %(item_id)s
      AND runs_runitem.lane_id = lane.id
      AND runs_runitem.status = 'GENERATING'
    RETURNING runs_runitem.kind, runs_runitem.target_id, runs_runitem.code, runs_runitem.status,
              lane.status IN ('QUEUED', 'RUNNING')
                  AND runs_runitem.status = 'PENDING' AS waits
), closed AS (
    -- The run is over but for this epic.
    DELETE FROM runs_opentarget open USING lane, back
    WHERE lane.draining
      AND (open.kind, open.target_id, open.run_id) = (back.kind, back.target_id, lane.run_id)
), call AS (
    UPDATE runs_providercall
    SET outcome = 'FAILED', ended_at = clock_timestamp(), request_id = %(request_id)s,
        error_code = %(error_code)s, possibly_billed = %(possibly_billed)s
    FROM back
    WHERE runs_providercall.id = %(call_id)s AND runs_providercall.outcome = 'STARTED'
), line AS (
    INSERT INTO runs_runlog (run_id, at, level, item_code, message)
    SELECT lane.run_id, clock_timestamp(), 'warning', back.code, %(message)s
    FROM lane, back
)
UPDATE runs_lane
SET state = CASE WHEN back.waits THEN 'parked' ELSE 'idle' END,
    wake_at = CASE WHEN back.waits
        THEN clock_timestamp() + make_interval(secs => %(wait_s)s) END,
    wait_reason = CASE WHEN back.waits THEN %(reason)s ELSE '' END,
    cancelled = runs_lane.cancelled + (back.status = 'CANCELLED')::int,
    rate_limit_streak = runs_lane.rate_limit_streak + %(rate_limit_streak)s,
    fencing_token = runs_lane.fencing_token + 1,
    worker_id = NULL,
    moved_at = clock_timestamp()
FROM lane, back
WHERE runs_lane.id = lane.id
RETURNING runs_lane.state, runs_lane.run_id, back.status

-- call_next --
-- End one call and begin another of the same attempt (a repair, a larger cap): the first answer
-- is kept for a later attempt, its spend is booked, the second call's intent is written. Says no
-- when the run stands still or the lane belongs to a newer attempt: then no call starts. A second
-- time it changes nothing and says the same.
WITH run AS (
    SELECT id, status FROM runs_run
    WHERE id = (SELECT run_id FROM runs_lane WHERE id = %(lane_id)s)
    FOR SHARE
), lane AS (
    SELECT id FROM runs_lane
    WHERE id = %(lane_id)s AND fencing_token = %(fencing_token)s AND state = 'running'
    FOR UPDATE
), ended AS (
    UPDATE runs_providercall
    SET outcome = 'ANSWERED', ended_at = clock_timestamp(), request_id = %(request_id)s,
        input_tokens = %(input_tokens)s, output_tokens = %(output_tokens)s,
        cache_read_tokens = %(cache_read_tokens)s, cache_write_tokens = %(cache_write_tokens)s,
        cost_usd = %(cost_usd)s, response = %(response)s
    FROM lane, run
    WHERE runs_providercall.id = %(call_id)s AND runs_providercall.outcome = 'STARTED'
    RETURNING runs_providercall.id
), counted AS (
    UPDATE runs_lane
    SET input_tokens = input_tokens + COALESCE(%(input_tokens)s, 0),
        output_tokens = output_tokens + COALESCE(%(output_tokens)s, 0),
        cache_read_tokens = cache_read_tokens + COALESCE(%(cache_read_tokens)s, 0),
        cache_write_tokens = cache_write_tokens + COALESCE(%(cache_write_tokens)s, 0),
        cost_usd = cost_usd + COALESCE(%(cost_usd)s, 0),
        unknown_calls = unknown_calls + %(unknown_calls)s
    FROM ended
    WHERE runs_lane.id = %(lane_id)s
), epic AS (
    UPDATE runs_runitem
    SET input_tokens = input_tokens + COALESCE(%(input_tokens)s, 0),
        output_tokens = output_tokens + COALESCE(%(output_tokens)s, 0),
        cache_read_tokens = cache_read_tokens + COALESCE(%(cache_read_tokens)s, 0),
        cache_write_tokens = cache_write_tokens + COALESCE(%(cache_write_tokens)s, 0),
        cost_usd = cost_usd + COALESCE(%(cost_usd)s, 0),
        unknown_calls = unknown_calls + %(unknown_calls)s
    FROM ended
    WHERE runs_runitem.id = %(item_id)s
    RETURNING runs_runitem.id, runs_runitem.attempt
), begun AS (
    INSERT INTO runs_providercall (
        id, item_id, attempt, purpose, model, outcome, started_at, request_id, input_tokens,
        output_tokens, cache_read_tokens, cache_write_tokens, cost_usd, error_code, possibly_billed
    )
    SELECT %(next_call_id)s, epic.id, epic.attempt, %(purpose)s, %(model)s, 'STARTED',
           clock_timestamp(), '', 0, 0, 0, 0, 0, '', false
    FROM epic, run
    WHERE run.status = 'RUNNING'
    RETURNING id
)
SELECT EXISTS (SELECT FROM begun)
       OR EXISTS (SELECT FROM runs_providercall WHERE id = %(next_call_id)s) AS begun

-- call_book --
-- Book the spend of a call whose epic belongs to a newer attempt by now: nothing else of it counts.
WITH call AS (
    UPDATE runs_providercall
    SET outcome = 'ANSWERED', ended_at = clock_timestamp(), request_id = %(request_id)s,
        input_tokens = %(input_tokens)s, output_tokens = %(output_tokens)s,
        cache_read_tokens = %(cache_read_tokens)s, cache_write_tokens = %(cache_write_tokens)s,
        cost_usd = %(cost_usd)s, possibly_billed = false
    WHERE id = %(call_id)s AND outcome <> 'ANSWERED'
    RETURNING item_id
), epic AS (
    UPDATE runs_runitem
    SET input_tokens = input_tokens + COALESCE(%(input_tokens)s, 0),
        output_tokens = output_tokens + COALESCE(%(output_tokens)s, 0),
        cache_read_tokens = cache_read_tokens + COALESCE(%(cache_read_tokens)s, 0),
        cache_write_tokens = cache_write_tokens + COALESCE(%(cache_write_tokens)s, 0),
        cost_usd = cost_usd + COALESCE(%(cost_usd)s, 0),
        unknown_calls = unknown_calls + %(unknown_calls)s
    FROM call
    WHERE runs_runitem.id = call.item_id
)
UPDATE runs_lane
SET input_tokens = input_tokens + COALESCE(%(input_tokens)s, 0),
    output_tokens = output_tokens + COALESCE(%(output_tokens)s, 0),
    cache_read_tokens = cache_read_tokens + COALESCE(%(cache_read_tokens)s, 0),
    cache_write_tokens = cache_write_tokens + COALESCE(%(cache_write_tokens)s, 0),
    cost_usd = cost_usd + COALESCE(%(cost_usd)s, 0),
    unknown_calls = unknown_calls + %(unknown_calls)s
FROM call
WHERE runs_lane.id = %(lane_id)s
RETURNING runs_lane.id

-- lanes_dispatch --
-- Give the run's free lanes an epic each and mark them sent: idle ones, parked ones that are
-- due, and those whose message is known to be lost. A lane that has an epic keeps it. Returns the
-- messages to send.
WITH run AS (
    SELECT id, context_key, max_concurrency, priority, model, mode, persona_set, max_tokens,
           provider,
           created_by_id AS user_id,
           COALESCE((SELECT weight FROM runs_share WHERE user_id = created_by_id), 1) AS weight
    FROM runs_run
    WHERE id = %(run_id)s AND status IN ('QUEUED', 'RUNNING')
    FOR SHARE
), due AS (
    SELECT lane.id, lane.index
    FROM runs_lane lane JOIN run ON run.id = lane.run_id
    WHERE lane.index < run.max_concurrency
      AND (
          lane.state = 'idle'
          OR (lane.state = 'parked' AND lane.wake_at <= clock_timestamp())
          OR (lane.state = 'sent' AND lane.id = ANY(%(lost_lane_ids)s))
      )
    ORDER BY lane.index
    FOR UPDATE OF lane SKIP LOCKED
), held AS (
    SELECT due.id AS lane_id, epic.id, epic.code, epic.title,
           epic.estimated_input_tokens
    FROM due JOIN runs_runitem epic ON epic.lane_id = due.id AND epic.status = 'PENDING'
), empty AS (
    SELECT due.id AS lane_id, ROW_NUMBER() OVER (ORDER BY due.index) AS place
    FROM due LEFT JOIN held ON held.lane_id = due.id
    WHERE held.id IS NULL
), suspect AS (
    -- Of epics that may be given up at their next crash, the first, if none is handed out.
    SELECT id FROM runs_runitem
    WHERE run_id = (SELECT id FROM run) AND status = 'PENDING' AND lane_id IS NULL
      AND crashes >= %(last_chance)s
      AND NOT EXISTS (
          SELECT FROM runs_runitem other
          WHERE other.run_id = (SELECT id FROM run) AND other.lane_id IS NOT NULL
            AND other.status IN ('PENDING', 'GENERATING') AND other.crashes >= %(last_chance)s
      )
    ORDER BY "order"
    LIMIT 1
), free AS (
    SELECT id, "order"
    FROM runs_runitem
    WHERE run_id = (SELECT id FROM run) AND status = 'PENDING' AND lane_id IS NULL
      AND (crashes < %(last_chance)s OR id = (SELECT id FROM suspect))
    ORDER BY "order"
    LIMIT (SELECT COUNT(*) FROM empty)
    FOR UPDATE SKIP LOCKED
), given AS (
    UPDATE runs_runitem SET lane_id = empty.lane_id
    FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY "order") AS place FROM free) AS numbered
    JOIN empty USING (place)
    WHERE runs_runitem.id = numbered.id
    RETURNING runs_runitem.lane_id, runs_runitem.id, runs_runitem.code,
              runs_runitem.title, runs_runitem.estimated_input_tokens
), carried AS (
    SELECT lane_id, id, code, title, estimated_input_tokens FROM held
    UNION ALL
    SELECT lane_id, id, code, title, estimated_input_tokens FROM given
)
UPDATE runs_lane
SET state = 'sent', fencing_token = fencing_token + 1, wake_at = NULL, wait_reason = '',
    worker_id = NULL, moved_at = clock_timestamp()
FROM carried CROSS JOIN run
WHERE runs_lane.id = carried.lane_id
RETURNING runs_lane.id AS lane_id, runs_lane.fencing_token, runs_lane.run_id, run.user_id, run.weight,
          run.context_key, run.priority, run.model, run.mode, run.persona_set, run.max_tokens,
          run.provider, carried.id AS item_id, carried.code, carried.title,
          carried.estimated_input_tokens

-- lane_park --
-- Let a lane whose message has come wait for its turn outside of the worker: sent -> parked.
-- Nothing when the message is late or doubled.
UPDATE runs_lane
SET state = 'parked', wake_at = clock_timestamp() + make_interval(secs => %(wait_s)s),
    wait_reason = %(reason)s, fencing_token = fencing_token + 1, moved_at = clock_timestamp()
WHERE id = %(lane_id)s AND fencing_token = %(fencing_token)s AND state = 'sent'
RETURNING id

-- lanes_wake --
-- Let lanes of open runs of these models that are parked for one of these reasons be due now.
WITH waiting AS (
    SELECT lane.id
    FROM runs_lane lane JOIN runs_run run ON run.id = lane.run_id
    WHERE run.completed_at IS NULL AND run.model = ANY(%(models)s)
      AND lane.state = 'parked' AND lane.wait_reason = ANY(%(reasons)s)
    ORDER BY run.id, lane.index
    FOR UPDATE OF lane
)
UPDATE runs_lane SET wake_at = clock_timestamp()
FROM waiting
WHERE runs_lane.id = waiting.id
RETURNING runs_lane.id

-- lanes_rest --
-- Lanes that may not go on let the epics go that wait in them, and are idle: all where the run
-- stands still, else those beyond its limit. Messages that are still on their way carry an older
-- fencing_token and change nothing.
WITH waiting AS (
    SELECT lane.id
    FROM runs_lane lane JOIN runs_run run ON run.id = lane.run_id
    WHERE run.id = %(run_id)s
      AND (
          (run.status NOT IN ('QUEUED', 'RUNNING') AND lane.state IN ('sent', 'parked'))
          OR (
              lane.index >= run.max_concurrency AND lane.state <> 'running'
              AND EXISTS (
                  SELECT FROM runs_runitem WHERE lane_id = lane.id AND status = 'PENDING'
              )
              -- The epic waits that long in whatever lane: its call is to be tried again.
              AND NOT (
                  lane.state = 'parked' AND lane.wait_reason = 'backoff'
                  AND lane.wake_at > clock_timestamp()
              )
          )
      )
    ORDER BY lane.index
    FOR UPDATE OF lane
), released AS (
    UPDATE runs_runitem SET lane_id = NULL
    FROM waiting
    WHERE runs_runitem.lane_id = waiting.id AND runs_runitem.status = 'PENDING'
)
UPDATE runs_lane
SET state = 'idle', fencing_token = fencing_token + 1, wake_at = NULL, wait_reason = '',
    moved_at = clock_timestamp()
FROM waiting
WHERE runs_lane.id = waiting.id
RETURNING runs_lane.id AS lane_id, runs_lane.fencing_token - 1 AS fencing_token

-- lanes_reclaim --
-- Take epics back from lanes whose worker is gone: its lease ran out, it said goodbye, or it is
-- silent and was started anew under its name; or from lanes that the worker itself no longer knows. The
-- epic is PENDING again, or FAILED when it took too many workers with it. Its call may have been billed.
WITH gone AS (
    SELECT lane.id, lane.run_id, lane.fencing_token, lane.draining, run.status AS run_status,
           lane.id || '.' || lane.fencing_token = ANY(%(orphans)s) AS orphan
    FROM runs_run run
    JOIN runs_lane lane ON lane.run_id = run.id
    LEFT JOIN runs_worker worker ON worker.id = lane.worker_id
    WHERE run.completed_at IS NULL
      AND lane.state = 'running'
      AND (
          lane.id || '.' || lane.fencing_token = ANY(%(orphans)s)
          OR worker.id IS NULL
          OR worker.stopped_at IS NOT NULL
          OR (
              %(judge)s AND worker.lease_until < clock_timestamp()
              -- Nobody could renew a lease while this server was away.
              AND pg_postmaster_start_time()
                  < clock_timestamp() - make_interval(secs => %(lease_s)s)
          )
          OR (
              worker.heartbeat_at < clock_timestamp() - make_interval(secs => %(silent_s)s)
              AND EXISTS (
                  SELECT FROM runs_worker newer
                  WHERE newer.name = worker.name AND newer.started_at > worker.started_at
              )
          )
      )
    ORDER BY lane.id
    FOR UPDATE OF lane SKIP LOCKED
), fate AS (
    SELECT epic.id, gone.id AS lane_id, gone.run_id, epic.crashes + (NOT gone.orphan)::int AS crashes,
           CASE
               WHEN epic.cancel_requested THEN 'CANCELLED'
               WHEN epic.crashes + (NOT gone.orphan)::int >= %(max_crashes)s THEN 'FAILED'
               ELSE 'PENDING'
           END AS status
    FROM gone JOIN runs_runitem epic ON epic.lane_id = gone.id AND epic.status = 'GENERATING'
), back AS (
    UPDATE runs_runitem
    SET status = fate.status, crashes = fate.crashes, stage = '', lane_id = NULL,
        completed_at = CASE WHEN fate.status <> 'PENDING' THEN clock_timestamp() END,
        error_code = CASE WHEN fate.status = 'FAILED' THEN 'POISON' ELSE '' END,
        error = CASE WHEN fate.status = 'FAILED' THEN %(poison_message)s ELSE '' END
    FROM fate
    WHERE runs_runitem.id = fate.id AND runs_runitem.status = 'GENERATING'
    RETURNING runs_runitem.id, runs_runitem.kind, runs_runitem.target_id, runs_runitem.code,
              runs_runitem.status, fate.lane_id, fate.run_id
), closed AS (
    -- Their runs are over but for them.
    DELETE FROM runs_opentarget open USING back, gone
    WHERE back.lane_id = gone.id AND gone.draining
      AND (open.kind, open.target_id, open.run_id) = (back.kind, back.target_id, back.run_id)
), call AS (
    UPDATE runs_providercall
    SET outcome = 'LOST', ended_at = clock_timestamp(), error_code = 'WORKER_LOST',
        possibly_billed = true
    FROM back
    WHERE runs_providercall.item_id = back.id AND runs_providercall.outcome = 'STARTED'
), line AS (
    INSERT INTO runs_runlog (run_id, at, level, item_code, message)
    SELECT back.run_id, clock_timestamp(),
           CASE WHEN back.status = 'FAILED' THEN 'error' ELSE 'warning' END, back.code,
           CASE WHEN back.status = 'FAILED' THEN %(poison_message)s ELSE %(lost_message)s END
    FROM back
)
UPDATE runs_lane
SET state = 'idle', fencing_token = runs_lane.fencing_token + 1, worker_id = NULL,
    moved_at = clock_timestamp(),
    failed = runs_lane.failed + (COALESCE(back.status, '') = 'FAILED')::int,
    cancelled = runs_lane.cancelled + (COALESCE(back.status, '') = 'CANCELLED')::int
FROM gone LEFT JOIN back ON back.lane_id = gone.id
WHERE runs_lane.id = gone.id
RETURNING runs_lane.run_id, back.code, back.status

-- run_move --
-- Move a run from one of the given statuses to another; of several at the same time one does.
-- Waits for claims under way, which hold the row FOR SHARE. Returns the status it came from, and
-- when it moved.
WITH before AS (
    SELECT id, status FROM runs_run
    WHERE id = %(run_id)s AND status = ANY(%(sources)s)
    FOR NO KEY UPDATE
)
UPDATE runs_run
SET status = %(to)s,
    draining = %(to)s IN ('CANCELLED', 'FAILED'),
    error_code = %(error_code)s, error = %(error)s,
    version = version + 1
FROM before
WHERE runs_run.id = before.id
RETURNING before.status, clock_timestamp() AS at

-- lanes_drain --
-- A run is over but for what its running lanes carry: they are told. Waits for epics that are
-- being finished; the statements of those that are not yet find it in the row that they wait for.
WITH running AS (
    SELECT id FROM runs_lane
    WHERE run_id = %(run_id)s AND state = 'running'
    ORDER BY id
    FOR UPDATE
)
UPDATE runs_lane SET draining = true FROM running WHERE runs_lane.id = running.id

-- epic_cancel --
-- Cancel an epic of an active run. One that waits is counted in a lane: its own, which is free
-- then, or the run's first. One that is generated is marked for its worker. Returns nothing when
-- the run is over (FOR SHARE makes its end wait), the epic is final or marked, or it was handed to
-- another lane just now.
WITH run AS (
    SELECT run.id
    FROM runs_runitem epic JOIN runs_run run ON run.id = epic.run_id
    WHERE epic.id = %(item_id)s AND run.status IN ('QUEUED', 'RUNNING', 'PAUSED')
    FOR SHARE OF run
), marked AS (
    UPDATE runs_runitem SET cancel_requested = true
    FROM run
    WHERE runs_runitem.id = %(item_id)s
      AND runs_runitem.status = 'GENERATING'
      AND NOT runs_runitem.cancel_requested
    RETURNING runs_runitem.id
), wanted AS (
    SELECT epic.id, epic.lane_id,
           COALESCE(epic.lane_id, (
               SELECT id FROM runs_lane WHERE run_id = run.id ORDER BY index LIMIT 1
           )) AS counting_lane_id
    FROM runs_runitem epic JOIN run ON run.id = epic.run_id
    WHERE epic.id = %(item_id)s AND epic.status = 'PENDING'
), lane AS (
    -- Lanes before epics, as everywhere: no deadlock.
    SELECT runs_lane.id FROM runs_lane, wanted
    WHERE runs_lane.id = wanted.counting_lane_id
    FOR UPDATE OF runs_lane
), cancelled AS (
    UPDATE runs_runitem
    SET status = 'CANCELLED', completed_at = clock_timestamp(), cancel_requested = true
    FROM wanted, lane
    WHERE runs_runitem.id = wanted.id
      AND runs_runitem.status = 'PENDING'
      AND runs_runitem.lane_id IS NOT DISTINCT FROM wanted.lane_id
    RETURNING runs_runitem.id, runs_runitem.lane_id
), counted AS (
    UPDATE runs_lane
    SET cancelled = runs_lane.cancelled + 1,
        state = CASE WHEN cancelled.lane_id IS NULL THEN state ELSE 'idle' END,
        wake_at = CASE WHEN cancelled.lane_id IS NULL THEN wake_at END,
        wait_reason = CASE WHEN cancelled.lane_id IS NULL THEN wait_reason ELSE '' END,
        fencing_token = fencing_token + (cancelled.lane_id IS NOT NULL)::int,
        moved_at = clock_timestamp()
    FROM lane, cancelled
    WHERE runs_lane.id = lane.id
)
SELECT id FROM marked UNION ALL SELECT id FROM cancelled

-- run_finalize --
-- End a run that has nothing left to do: RUNNING with every epic final, or final and drained.
-- Of several at the same time one ends it.
UPDATE runs_run
SET status = CASE
        WHEN runs_run.status <> 'RUNNING' THEN runs_run.status
        WHEN total.failed = 0 AND total.cancelled = runs_run.total_items THEN 'CANCELLED'
        WHEN total.failed = 0 THEN 'SUCCEEDED'
        WHEN total.completed + total.skipped = 0 THEN 'FAILED'
        ELSE 'COMPLETED_WITH_ERRORS'
    END,
    error_code = CASE
        WHEN runs_run.status = 'RUNNING' AND total.failed > 0
             AND total.completed + total.skipped = 0
        THEN 'ALL_EPICS_FAILED' ELSE runs_run.error_code
    END,
    error = CASE
        WHEN runs_run.status = 'RUNNING' AND total.failed > 0
             AND total.completed + total.skipped = 0
        THEN 'Every epic failed. The epics say why; retry-failed runs them again.'
        ELSE runs_run.error
    END,
    draining = false,
    completed_at = clock_timestamp(),
    version = version + 1
FROM (
    SELECT SUM(completed) AS completed, SUM(failed) AS failed, SUM(skipped) AS skipped,
           SUM(cancelled) AS cancelled, SUM(created) AS created
    FROM runs_lane WHERE run_id = %(run_id)s
) AS total
WHERE runs_run.id = %(run_id)s
  AND runs_run.completed_at IS NULL
  AND (
      (
          runs_run.status = 'RUNNING'
          AND NOT EXISTS (
              SELECT FROM runs_runitem
              WHERE run_id = %(run_id)s AND status IN ('PENDING', 'GENERATING')
          )
      ) OR (
          runs_run.draining
          AND NOT EXISTS (
              SELECT FROM runs_runitem WHERE run_id = %(run_id)s AND status = 'GENERATING'
          )
      )
  )
RETURNING runs_run.status, total.completed, total.failed, total.skipped, total.created

-- runs_to_tend --
-- Open runs with something for the reconciler: lanes to send, to put to rest, or an end to make.
SELECT run.id,
       run.status IN ('QUEUED', 'RUNNING') AND (
           EXISTS (
               SELECT FROM runs_lane lane
               WHERE lane.run_id = run.id AND lane.index < run.max_concurrency
                 AND (
                     (lane.state = 'parked' AND lane.wake_at <= clock_timestamp())
                     OR (
                         lane.state = 'idle' AND EXISTS (
                             SELECT FROM runs_runitem epic
                             WHERE epic.lane_id = lane.id AND epic.status = 'PENDING'
                         )
                     )
                 )
           ) OR (
               EXISTS (
                   SELECT FROM runs_lane lane
                   WHERE lane.run_id = run.id
                     AND lane.state = 'idle' AND lane.index < run.max_concurrency
               ) AND EXISTS (
                   SELECT FROM runs_runitem epic
                   WHERE epic.run_id = run.id AND epic.status = 'PENDING'
                     AND epic.lane_id IS NULL
               )
           )
       ) AS dispatch,
       EXISTS (
           SELECT FROM runs_lane lane
           WHERE lane.run_id = run.id
             AND (
                 (run.status NOT IN ('QUEUED', 'RUNNING') AND lane.state IN ('sent', 'parked'))
                 OR (
                     lane.index >= run.max_concurrency AND lane.state <> 'running'
                     AND EXISTS (
                         SELECT FROM runs_runitem epic
                         WHERE epic.lane_id = lane.id AND epic.status = 'PENDING'
                     )
                 )
             )
       ) AS rest,
       run.draining OR (
           run.status IN ('QUEUED', 'RUNNING') AND NOT EXISTS (
               SELECT FROM runs_lane lane WHERE lane.run_id = run.id AND lane.state <> 'idle'
           )
       ) AS finalize
FROM runs_run run
WHERE run.completed_at IS NULL

-- lanes_sent --
-- Lanes whose message was sent a while ago and was not claimed.
SELECT lane.id AS lane_id, lane.run_id, lane.fencing_token
FROM runs_run run JOIN runs_lane lane ON lane.run_id = run.id
WHERE run.completed_at IS NULL
  AND lane.state = 'sent'
  AND lane.moved_at < clock_timestamp() - make_interval(secs => %(older_than_s)s)

-- worker_beat --
-- Renew a worker's lease, write down how far its attempts are where that changed, and tell it
-- which lanes it runs as PostgreSQL sees it, and for how long.
WITH beat AS (
    UPDATE runs_worker
    SET heartbeat_at = clock_timestamp(), stopped_at = NULL,
        lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s),
        clock_ahead_s = %(clock_ahead_s)s
    WHERE id = %(worker_id)s
), staged AS (
    UPDATE runs_runitem
    SET stage = reached.stage, stage_percent = reached.stage_percent,
        remaining_ms = reached.remaining_ms, stage_ms = reached.stage_ms,
        skipped_stages = reached.skipped_stages, notes = reached.notes
    FROM jsonb_to_recordset(%(reached)s) AS reached (
        item_id uuid, lane_id bigint, fencing_token int, stage text, stage_percent int,
        remaining_ms int, stage_ms jsonb, skipped_stages jsonb, notes jsonb
    )
    JOIN runs_lane lane
        ON lane.id = reached.lane_id AND lane.fencing_token = reached.fencing_token
    WHERE runs_runitem.id = reached.item_id
      AND runs_runitem.lane_id = reached.lane_id
      AND runs_runitem.status = 'GENERATING'
)
SELECT lane.id AS lane_id, lane.fencing_token,
       EXTRACT(EPOCH FROM clock_timestamp() - lane.moved_at)::float AS age_s,
       EXISTS (
           SELECT FROM runs_runitem
           WHERE lane_id = lane.id AND status = 'GENERATING' AND cancel_requested
       ) AS cancel
FROM runs_run run JOIN runs_lane lane ON lane.run_id = run.id
WHERE run.completed_at IS NULL AND lane.state = 'running' AND lane.worker_id = %(worker_id)s

-- users_at_work --
-- How many users have runs that can go on; those that no person started are one user's.
SELECT COUNT(DISTINCT COALESCE(created_by_id, 0))::int AS users
FROM runs_run
WHERE completed_at IS NULL AND status IN ('QUEUED', 'RUNNING')

-- log_number --
-- Number the run's committed lines that have no number yet, in the order they were written.
-- The caller holds the run's log lock.
WITH last AS (
    SELECT COALESCE(MAX(seq), 0) AS seq FROM runs_runlog WHERE run_id = %(run_id)s
), fresh AS (
    SELECT id, ROW_NUMBER() OVER (ORDER BY at, id) AS place
    FROM runs_runlog WHERE run_id = %(run_id)s AND seq IS NULL
)
UPDATE runs_runlog SET seq = last.seq + fresh.place
FROM fresh, last
WHERE runs_runlog.id = fresh.id
RETURNING runs_runlog.seq

-- run_lineage --
-- The run, those that it retries, and all retries of those: the oldest first.
WITH RECURSIVE up AS (
    SELECT id, retried_from_id FROM runs_run WHERE id = %(run_id)s
    UNION ALL
    SELECT run.id, run.retried_from_id FROM runs_run run JOIN up ON run.id = up.retried_from_id
), family AS (
    SELECT id FROM up WHERE retried_from_id IS NULL
    UNION ALL
    SELECT run.id FROM runs_run run JOIN family ON run.retried_from_id = family.id
)
SELECT run.id FROM runs_run run JOIN family USING (id) ORDER BY run.created_at, run.id

-- queue_counts --
-- What waits, is generated and was done lately, in the projects of the caller's share. What
-- waits is what the lanes have not counted yet: no look at the epics themselves.
WITH open AS (
    SELECT run.id, run.priority, run.status, run.total_items
    FROM runs_run run
    WHERE run.completed_at IS NULL
      AND (%(everything)s OR run.project_id = ANY(%(project_ids)s))
), lanes AS (
    SELECT open.id,
           SUM(lane.completed + lane.failed + lane.skipped + lane.cancelled) AS done,
           COUNT(*) FILTER (WHERE lane.state = 'running') AS running
    FROM open JOIN runs_lane lane ON lane.run_id = open.id
    GROUP BY open.id
), waiting AS (
    SELECT open.priority, SUM(open.total_items - lanes.done - lanes.running) AS epics
    FROM open JOIN lanes ON lanes.id = open.id
    WHERE open.status IN ('QUEUED', 'RUNNING', 'PAUSED')
    GROUP BY open.priority
), ended AS (
    SELECT epic.status, epic.completed_at
    FROM runs_runitem epic JOIN runs_run run ON run.id = epic.run_id
    WHERE epic.completed_at > clock_timestamp() - interval '1 hour'
      AND (%(everything)s OR run.project_id = ANY(%(project_ids)s))
)
SELECT COALESCE((SELECT epics FROM waiting WHERE priority = 'HIGH'), 0)::int AS high,
       COALESCE((SELECT epics FROM waiting WHERE priority = 'NORMAL'), 0)::int AS normal,
       COALESCE((SELECT epics FROM waiting WHERE priority = 'LOW'), 0)::int AS low,
       COALESCE((SELECT SUM(running) FROM lanes), 0)::int AS processing,
       COUNT(*) FILTER (WHERE ended.status = 'COMPLETED')::int AS completed_last_hour,
       COUNT(*) FILTER (WHERE ended.status = 'FAILED')::int AS failed_last_hour,
       COUNT(*) FILTER (
           WHERE ended.status = 'COMPLETED'
             AND ended.completed_at > clock_timestamp() - make_interval(mins => %(minutes)s::int)
       )::int AS recent
FROM ended

-- queue_current --
-- What each worker is doing, and whether it is in the caller's share.
SELECT lane.worker_id, epic.id AS item_id, epic.code, lane.moved_at AS since,
       (%(everything)s OR run.project_id = ANY(%(project_ids)s)) AS visible
FROM runs_run run
JOIN runs_lane lane ON lane.run_id = run.id AND lane.state = 'running'
JOIN runs_runitem epic ON epic.lane_id = lane.id AND epic.status = 'GENERATING'
WHERE run.completed_at IS NULL
ORDER BY lane.moved_at
