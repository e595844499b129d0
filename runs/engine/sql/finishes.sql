-- lane_finish --
-- End an item (COMPLETED, FAILED, SKIPPED or CANCELLED) and move its lane on, all in one: the item,
-- what its kind stores, the call, the totals, the log, the lane's next item.
-- Returns the lane's new state; nothing when the lane belongs to a newer attempt by now.
WITH @finish_fence@, @store_sql@, @item_ended@, @next_item@
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
    created = runs_lane.created + ended.created,
    kept = runs_lane.kept + ended.kept,
    @usage_added@
FROM lane CROSS JOIN ended LEFT JOIN next ON true
WHERE runs_lane.id = lane.id
RETURNING runs_lane.id AS lane_id, runs_lane.fencing_token, runs_lane.state, runs_lane.run_id,
          lane.user_id, lane.weight, lane.context_key, lane.priority, lane.provider, lane.model,
          lane.options, lane.max_tokens, lane.prompt_set_id,
          ended.kind, next.id AS item_id, next.code, next.title, next.estimated_input_tokens

-- finish_fence (part) --
-- Whether this attempt may end its item: the lane and the item are held from here on. `done` is
-- what the item's kind stores: of a failed item nothing.
lane AS (
    SELECT lane.id, lane.index, lane.run_id, lane.draining, run.status, run.max_concurrency,
           @run_told@
    FROM runs_lane lane JOIN runs_run run ON run.id = lane.run_id
    WHERE lane.id = %(lane_id)s
      AND lane.fencing_token = %(fencing_token)s
      AND lane.state = 'running'
    FOR UPDATE OF lane
), ending AS (
    SELECT item.id AS item_id, item.target_id, item.run_id, item.code
    FROM lane JOIN runs_runitem item ON item.id = %(item_id)s AND item.lane_id = lane.id
    WHERE item.status = 'GENERATING'
    FOR UPDATE OF item
), done AS (
    SELECT ending.item_id, ending.target_id, ending.run_id, ending.code, lane.options,
           %(result)s::jsonb AS result
    FROM ending, lane
    WHERE %(status)s = 'COMPLETED' AND ending.target_id IS NOT NULL
)

-- item_ended (part) --
-- The item's end, its call's and its line.
ended AS (
    UPDATE runs_runitem
    SET status = %(status)s,
        stage = %(stage)s,
        stage_percent = CASE WHEN %(status)s = 'COMPLETED' THEN 100 ELSE stage_percent END,
        created = COALESCE(stored.created, 0), kept = COALESCE(stored.kept, 0),
        @usage_added@,
        error_code = %(error_code)s, error = %(error)s,
        stage_ms = %(stage_ms)s, skipped_stages = %(skipped_stages)s,
        -- A target that was deleted meanwhile keeps nothing.
        notes = %(notes)s::jsonb || CASE
            WHEN %(status)s = 'COMPLETED' AND stored.item_id IS NULL
            THEN jsonb_build_array(%(gone_note)s::text) ELSE '[]'
        END,
        completed_at = clock_timestamp()
    FROM ending LEFT JOIN @kind@_stored stored USING (item_id)
    WHERE runs_runitem.id = ending.item_id
    RETURNING runs_runitem.kind, runs_runitem.target_id, runs_runitem.code,
              runs_runitem.created, runs_runitem.kept,
              EXTRACT(EPOCH FROM clock_timestamp() - runs_runitem.started_at) AS seconds
), closed AS (
    -- The run is over but for this item.
    DELETE FROM runs_opentarget open USING lane, ended
    WHERE lane.draining
      AND (open.kind, open.target_id, open.run_id) = (ended.kind, ended.target_id, lane.run_id)
), call AS (
    UPDATE runs_providercall
    SET outcome = %(outcome)s, ended_at = clock_timestamp(), request_id = %(request_id)s,
        input_tokens = %(input_tokens)s, output_tokens = %(output_tokens)s,
        cache_read_tokens = %(cache_read_tokens)s, cache_write_tokens = %(cache_write_tokens)s,
        cost_usd = %(cost_usd)s, error_code = %(call_error_code)s,
        possibly_billed = %(possibly_billed)s
    FROM ended
    WHERE runs_providercall.id = %(call_id)s
), line AS (
    INSERT INTO runs_runlog (run_id, at, level, item_code, message)
    SELECT lane.run_id, clock_timestamp(), %(level)s, ended.code,
           %(message)s
               || CASE WHEN ended.kept > 0
                      THEN ', ' || ended.kept || ' kept' ELSE '' END
               || ' (' || ROUND(ended.seconds * 1000) || ' ms)'
    FROM lane, ended
)

-- next_item (part) --
-- The item that a lane goes on with. Of items that may be given up at their next crash, one at a
-- time is handed out: an item that kills its workers takes no other with it to the end.
free AS (
    SELECT pending.id, pending.code, pending.title, pending.estimated_input_tokens
    FROM lane, ended, LATERAL (
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
        ORDER BY priority DESC, "order"
        LIMIT 1
        FOR UPDATE SKIP LOCKED
    ) pending
    WHERE lane.status = 'RUNNING' AND lane.index < lane.max_concurrency
), unread AS (
    -- None is free: one whose message waits behind those of others, so that no run waits for its
    -- last messages while it has a lane that may go on.
    UPDATE runs_lane
    SET state = 'idle', fencing_token = fencing_token + 1, moved_at = clock_timestamp()
    WHERE id = (
        SELECT waiting.id
        FROM lane JOIN runs_lane waiting ON waiting.run_id = lane.run_id
        WHERE NOT EXISTS (SELECT FROM free) AND EXISTS (SELECT FROM ended)
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

-- lane_give_back --
-- Give an item back: GENERATING -> PENDING, without an outcome. Its lane keeps it and is parked
-- until it may go on; where the run stands still, the lane lets it go and is idle; where the
-- item was to be cancelled, it is CANCELLED. The call is booked as failed. An item that is tried
-- again goes behind its equals. Returns nothing when the lane belongs to a newer attempt by now.
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
        attempt = attempt - %(refund)s,
        priority = GREATEST(0, priority - %(lower)s)
    FROM lane
    WHERE runs_runitem.id = %(item_id)s
      AND runs_runitem.lane_id = lane.id
      AND runs_runitem.status = 'GENERATING'
    RETURNING runs_runitem.kind, runs_runitem.target_id, runs_runitem.code, runs_runitem.status,
              lane.status IN ('QUEUED', 'RUNNING')
                  AND runs_runitem.status = 'PENDING' AS waits
), closed AS (
    -- The run is over but for this item.
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
