-- lane_finish --
-- End items (COMPLETED, FAILED, SKIPPED or CANCELLED) and move their lanes on, all in one: the
-- items, what their kind stores, the calls, the totals, the log, the lanes' next items.
-- Returns the lanes' new state; no row where a lane belongs to a newer attempt by now.
WITH @given@, lane AS MATERIALIZED (
    SELECT given.*, lane.index, lane.run_id, lane.draining, run.status AS run_status,
           run.max_concurrency, @run_told@
    FROM given, @running_lane@
), @finish_fence@, @store_sql@, @item_ended@, @next_item@, taken AS (
    UPDATE runs_runitem SET lane_id = next.lane_id FROM next
    WHERE runs_runitem.id = next.id AND runs_runitem.id = ANY(ARRAY(SELECT id FROM next))
)
UPDATE runs_lane counter
SET state = CASE
        WHEN next.id IS NULL THEN 'idle' WHEN spent.park_s > 0 THEN 'parked' ELSE 'sent'
    END,
    wake_at = CASE
        WHEN next.id IS NOT NULL AND spent.park_s > 0
        THEN clock_timestamp() + make_interval(secs => spent.park_s)
    END,
    wait_reason = CASE WHEN next.id IS NOT NULL AND spent.park_s > 0 THEN 'pacing' ELSE '' END,
    worker_id = NULL,
    @lane_ended@
FROM ended spent LEFT JOIN next USING (lane_id)
WHERE counter.id = spent.lane_id AND counter.id = @lane_ids@
RETURNING @lane_moved@

-- lane_go_on --
-- As `lane_finish`, and claim the lanes' next items with the same commit, as `lane_claim` does with
-- one of its own: the lanes stay running, with a new fencing token. One that is larger than what it
-- was permitted for, or has its answer already, is left to its message; so are all where the run
-- stands still. Holds the runs as claims do, and begins calls behind the lock of `call_next`.
WITH @given@, lane AS MATERIALIZED (
    SELECT asked.*, lane.index, lane.draining
    FROM (
        SELECT mine.*, run.status AS run_status, run.max_concurrency, run.delay_ms,
               run.max_retries, run.retry_wait_ms, @run_told@
        FROM (
            SELECT given.*, (SELECT run_id FROM runs_lane WHERE id = given.lane_id) AS run_id
            FROM given @by_run@
        ) AS mine, LATERAL (
            SELECT * FROM runs_run
            WHERE id = mine.run_id @lets_go@
              AND (SELECT true FROM pg_advisory_xact_lock_shared(7103))
              AND @run_turn@
            FOR SHARE
        ) AS run
        @by_lane@
    ) AS asked, LATERAL (
        SELECT index, draining
        FROM runs_lane
        WHERE id = asked.lane_id AND fencing_token = asked.fencing_token AND state = 'running'
        FOR UPDATE
    ) AS lane
), @finish_fence@, @store_sql@, @item_ended@, @next_item@, onward AS MATERIALIZED (
    SELECT next.lane_id, next.id, ended.run_id, ended.options, ended.model,
           ended.next_call_id AS call_id, ended.next_held_micro_usd AS held_micro_usd,
           next.estimated_input_tokens <= ended.next_input_tokens AND NOT next.answered AS begins
    FROM next JOIN ended USING (lane_id),
         -- First what ends: budgets let go of it before they hold what begins, and the log tells it.
         (SELECT COUNT(*) FROM call) AS booked, (SELECT COUNT(*) FROM line) AS told
), taken AS (
    UPDATE runs_runitem SET lane_id = onward.lane_id FROM onward
    WHERE runs_runitem.id = onward.id
      AND runs_runitem.id = ANY(ARRAY(SELECT id FROM onward WHERE NOT begins))
), claimed AS (
    UPDATE runs_runitem
    SET lane_id = onward.lane_id, @item_begun@
    FROM onward
    WHERE runs_runitem.id = onward.id
      AND runs_runitem.id = ANY(ARRAY(SELECT id FROM onward WHERE begins))
      AND runs_runitem.status IS NOT DISTINCT FROM 'PENDING'
    RETURNING runs_runitem.id AS item_id, @item_claimed@, onward.lane_id, onward.run_id,
              onward.options, onward.model, onward.call_id, onward.held_micro_usd
), @claim_told@, @load_sql@
UPDATE runs_lane counter
SET state = CASE
        WHEN next.id IS NULL THEN 'idle' WHEN claimed.item_id IS NULL THEN 'sent' ELSE 'running'
    END,
    wake_at = NULL,
    wait_reason = '',
    worker_id = CASE WHEN claimed.item_id IS NOT NULL THEN counter.worker_id END,
    claimed_at = CASE
        WHEN claimed.item_id IS NOT NULL THEN clock_timestamp() ELSE counter.claimed_at
    END,
    @lane_ended@
FROM ended spent LEFT JOIN next USING (lane_id) LEFT JOIN claimed USING (lane_id)
     LEFT JOIN @kind@_loaded loaded ON loaded.item_id = claimed.item_id
WHERE counter.id = spent.lane_id AND counter.id = @lane_ids@
RETURNING @lane_moved@, spent.run_status, spent.delay_ms, spent.max_retries, spent.retry_wait_ms,
          0 AS rate_limit_streak, claimed.attempt, claimed.target_id, loaded.input,
          @kept_answers@ AS responses

-- lane_ended (part) --
-- What a lane counts of the item that it ended.
fencing_token = counter.fencing_token + 1,
    moved_at = clock_timestamp(),
    rate_limit_streak = 0,
    completed = counter.completed + (spent.status = 'COMPLETED')::int,
    failed = counter.failed + (spent.status = 'FAILED')::int,
    skipped = counter.skipped + (spent.status = 'SKIPPED')::int,
    cancelled = counter.cancelled + (spent.status = 'CANCELLED')::int,
    created = counter.created + spent.created,
    kept = counter.kept + spent.kept,
    @usage_added@

-- lane_moved (part) --
-- Where it goes on, as a message says it.
spent.place, counter.id AS lane_id, counter.fencing_token, counter.state, counter.run_id,
          spent.user_id, spent.weight, spent.context_key, spent.priority, spent.provider,
          spent.model, spent.options, spent.max_tokens, spent.prompt_set_id,
          spent.kind, next.id AS item_id, next.code, next.title, next.estimated_input_tokens,
          next.answered

-- running_lane (part) --
-- The lane that an attempt has, held from here on; none where it belongs to a newer one.
LATERAL (
        SELECT index, run_id, draining
        FROM runs_lane
        WHERE id = given.lane_id AND fencing_token = given.fencing_token AND state = 'running'
            @lets_go@
        FOR UPDATE
    ) AS lane, LATERAL (SELECT * FROM runs_run WHERE id = lane.run_id OFFSET 0) AS run

-- finish_fence (part) --
-- Whether attempts may end their items, which are held from here on in the order of their ids, behind
-- their lanes. `done` is what the items' kind stores: of a failed item nothing.
ending AS MATERIALIZED (
    SELECT lane.*, item.target_id, item.code
    FROM (SELECT * FROM lane @by_item@) AS lane, LATERAL (
        SELECT target_id, code
        FROM runs_runitem
        WHERE id = lane.item_id AND lane_id = lane.lane_id
          AND status IS NOT DISTINCT FROM 'GENERATING'
        FOR UPDATE
    ) AS item
), done AS (
    SELECT item_id, target_id, run_id, code, options, result
    FROM ending
    WHERE status = 'COMPLETED' AND target_id IS NOT NULL
)

-- item_ended (part) --
-- The items' end, their calls' and their lines.
stored AS MATERIALIZED (
    -- Counted once; as a part of the join, for each pair of items.
    SELECT item_id, created, kept FROM @kind@_stored
), ended AS (
    UPDATE runs_runitem counter
    SET status = spent.status,
        stage = spent.stage,
        stage_percent = CASE
            WHEN spent.status = 'COMPLETED' THEN 100 ELSE counter.stage_percent
        END,
        created = COALESCE(stored.created, 0), kept = COALESCE(stored.kept, 0),
        @usage_added@,
        error_code = spent.error_code, error = spent.error,
        stage_ms = spent.stage_ms, skipped_stages = spent.skipped_stages,
        -- A target that was deleted meanwhile keeps nothing.
        notes = spent.notes || CASE
            WHEN spent.status = 'COMPLETED' AND stored.item_id IS NULL
            THEN jsonb_build_array(%(gone_note)s::text) ELSE '[]'
        END,
        completed_at = clock_timestamp()
    FROM ending spent LEFT JOIN stored USING (item_id)
    WHERE counter.id = spent.item_id AND counter.id = @item_ids@
    RETURNING counter.kind, counter.created, counter.kept,
              EXTRACT(EPOCH FROM clock_timestamp() - counter.started_at) AS seconds, spent.*
), closed AS (
    -- The runs are over but for these items. By their places: where the table was analysed with no
    -- row in it, a join reads the whole of an index.
    DELETE FROM runs_opentarget
    WHERE ctid = ANY(ARRAY(
        SELECT open.place
        FROM ended CROSS JOIN LATERAL (
            SELECT ctid AS place FROM runs_opentarget
            WHERE (kind, target_id, run_id) = (ended.kind, ended.target_id, ended.run_id)
            OFFSET 0
        ) AS open
        WHERE ended.draining
    ))
), begun AS MATERIALIZED (
    -- As who makes a budget takes them, in the order of their ids.
    SELECT id FROM runs_providercall
    WHERE id = @call_ids@ AND id = ANY(ARRAY(SELECT call_id FROM ended))
    ORDER BY id
    FOR NO KEY UPDATE
), call AS (
    UPDATE runs_providercall
    SET outcome = spent.outcome, @call_spent@, error_code = spent.call_error_code,
        possibly_billed = spent.possibly_billed
    FROM ended spent
    WHERE runs_providercall.id = spent.call_id
      AND runs_providercall.id = ANY(ARRAY(SELECT id FROM begun))
    RETURNING runs_providercall.id
), line AS (
    INSERT INTO runs_runlog (run_id, at, level, item_code, message)
    SELECT run_id, clock_timestamp(), level, code,
           message || CASE WHEN kept > 0 THEN ', ' || kept || ' kept' ELSE '' END
               || ' (' || ROUND(seconds * 1000) || ' ms)'
    FROM ended
    RETURNING id
)

-- next_item (part) --
-- The items that lanes go on with. One look for all lanes of a run: SKIP LOCKED does not skip what
-- this statement itself has locked.
taker AS MATERIALIZED (
    SELECT lane_id, run_id, @turn_by_index@ AS turn, @lanes_of_run@ AS lanes
    FROM ended
    WHERE run_status = 'RUNNING' AND index < max_concurrency
), wanted AS (
    SELECT run_id, lanes FROM taker WHERE turn = 1
), free AS MATERIALIZED (
    SELECT free.*, @turn_by_rank@ AS turn
    FROM wanted, LATERAL (
        SELECT id, run_id, code, title, estimated_input_tokens, priority, "order",
               batch_id IS NOT NULL AS answered
        FROM runs_runitem pending
        WHERE run_id = wanted.run_id AND status = 'PENDING' AND lane_id IS NULL AND NOT in_batch
          AND (crashes < %(last_chance)s OR @only_suspect@)
        ORDER BY priority DESC, "order"
        LIMIT wanted.lanes
        FOR UPDATE SKIP LOCKED
    ) AS free
), lacking AS (
    SELECT wanted.run_id, lanes - found AS lanes, found
    FROM wanted, LATERAL (
        SELECT COUNT(*) AS found FROM free WHERE free.run_id = wanted.run_id
    ) AS counted
    WHERE found < lanes AND %(takes_unread)s
), waiting AS MATERIALIZED (
    -- None is free: one whose message waits behind those of others, so that no run waits for its
    -- last messages while it has a lane that may go on.
    SELECT lane.id, lacking.found
    FROM lacking, LATERAL (
        SELECT id
        FROM runs_lane
        WHERE run_id = lacking.run_id AND state = 'sent'
          AND moved_at < clock_timestamp() - make_interval(secs => %(unread_s)s)
        ORDER BY index
        LIMIT lacking.lanes
        FOR UPDATE SKIP LOCKED
    ) AS lane
), unread AS (
    UPDATE runs_lane
    SET state = 'idle', fencing_token = fencing_token + 1, moved_at = clock_timestamp()
    FROM waiting
    WHERE runs_lane.id = waiting.id AND runs_lane.id = ANY(ARRAY(SELECT id FROM waiting))
    RETURNING runs_lane.id, runs_lane.run_id, runs_lane.index, waiting.found
), next AS (
    SELECT lane_id, id, code, title, estimated_input_tokens, answered
    FROM taker JOIN free USING (run_id, turn)
    UNION ALL
    SELECT taker.lane_id, item.id, item.code, item.title, item.estimated_input_tokens, item.answered
    FROM taker JOIN (
        SELECT run_id, id, found + @turn_by_index@ AS turn FROM unread
    ) AS unread USING (run_id, turn), LATERAL (
        SELECT id, code, title, estimated_input_tokens, batch_id IS NOT NULL AS answered
        FROM runs_runitem
        WHERE run_id = unread.run_id AND lane_id = unread.id AND status = 'PENDING'
        OFFSET 0
    ) AS item
)

-- only_suspect (part) --
-- Of a run's items that may be given up at their next crash one at a time is handed out, the first:
-- an item that kills its workers takes no other with it to the end.
(
              id = (
                  SELECT id
                  FROM runs_runitem
                  WHERE run_id = pending.run_id AND status = 'PENDING' AND lane_id IS NULL
                    AND NOT in_batch AND crashes >= %(last_chance)s
                  ORDER BY priority DESC, "order"
                  LIMIT 1
              )
              AND NOT EXISTS (
                  SELECT FROM runs_runitem suspect
                  WHERE suspect.run_id = pending.run_id AND suspect.lane_id IS NOT NULL
                    AND suspect.status IN ('PENDING', 'GENERATING')
                    AND suspect.crashes >= %(last_chance)s
                    AND suspect.id NOT IN (SELECT item_id FROM ended)
                  OFFSET 0
              )
          )

-- lane_give_back --
-- Give items back: GENERATING -> PENDING, without an outcome. A lane keeps its item and is parked
-- until it may go on; where the run stands still, the lane lets it go and is idle; where the
-- item was to be cancelled, it is CANCELLED. The call failed, or was not made. An item that is tried
-- again goes behind its equals. No row where a lane belongs to a newer attempt by now.
WITH @given@, lane AS MATERIALIZED (
    SELECT given.*, lane.run_id, lane.draining,
           run.status IN ('QUEUED', 'RUNNING') AS goes_on
    FROM given, @running_lane@
), back AS (
    UPDATE runs_runitem
    SET status = CASE WHEN cancel_requested THEN 'CANCELLED' ELSE 'PENDING' END,
        completed_at = CASE WHEN cancel_requested THEN clock_timestamp() END,
        stage = '',
        lane_id = CASE WHEN lane.goes_on OR cancel_requested THEN lane.lane_id END,
        attempt = attempt - lane.refund,
        priority = GREATEST(0, priority - lane.lower),
        -- Of a run that is over nothing is tried again.
        batch_id = CASE WHEN NOT lane.draining THEN batch_id END
    FROM (SELECT * FROM lane @by_item@) AS lane
    WHERE runs_runitem.id = lane.item_id AND runs_runitem.id = @item_ids@
      AND runs_runitem.lane_id = lane.lane_id
      AND runs_runitem.status IS NOT DISTINCT FROM 'GENERATING'
    RETURNING runs_runitem.kind, runs_runitem.target_id, runs_runitem.code, runs_runitem.status,
              lane.goes_on AND runs_runitem.status = 'PENDING' AS waits, lane.*
), closed AS (
    -- The runs are over but for these items; see `lane_finish`.
    DELETE FROM runs_opentarget
    WHERE ctid = ANY(ARRAY(
        SELECT open.place
        FROM back CROSS JOIN LATERAL (
            SELECT ctid AS place FROM runs_opentarget
            WHERE (kind, target_id, run_id) = (back.kind, back.target_id, back.run_id)
            OFFSET 0
        ) AS open
        WHERE back.draining
    ))
), begun AS MATERIALIZED (
    -- See `lane_finish`.
    SELECT id FROM runs_providercall
    WHERE id = @call_ids@ AND id = ANY(ARRAY(SELECT call_id FROM back)) AND outcome = 'STARTED'
    ORDER BY id
    FOR NO KEY UPDATE
), call AS (
    UPDATE runs_providercall
    SET outcome = back.outcome, ended_at = clock_timestamp(), request_id = back.request_id,
        error_code = back.error_code, possibly_billed = back.possibly_billed
    FROM back
    WHERE runs_providercall.id = back.call_id
      AND runs_providercall.id = ANY(ARRAY(SELECT id FROM begun))
), line AS (
    INSERT INTO runs_runlog (run_id, at, level, item_code, message)
    SELECT run_id, clock_timestamp(), 'warning', code, message
    FROM back
)
UPDATE runs_lane
SET state = CASE WHEN back.waits THEN 'parked' ELSE 'idle' END,
    wake_at = CASE WHEN back.waits
        THEN clock_timestamp() + make_interval(secs => back.wait_s) END,
    wait_reason = CASE WHEN back.waits THEN back.reason ELSE '' END,
    cancelled = runs_lane.cancelled + (back.status = 'CANCELLED')::int,
    rate_limit_streak = runs_lane.rate_limit_streak + back.rate_limit_streak,
    fencing_token = runs_lane.fencing_token + 1,
    worker_id = NULL,
    moved_at = clock_timestamp()
FROM back
WHERE runs_lane.id = back.lane_id AND runs_lane.id = @lane_ids@
RETURNING back.place
